/**
 * Letters for a later time. A schedule belongs to a session and makes a letter at each of its occurrences.
 * The session is authoritative. The index of due sessions is a hint: an entry without a due schedule is
 * dropped, and each write of a schedule makes the entry before it.
 */
import type { Letter } from './letter.ts'
import type { Author } from './member.ts'

/** The rule for the times of a schedule. */
export type ScheduleRule =
  | { kind: 'once' }
  | {
      kind: 'every'
      /** The milliseconds between two occurrences. */
      everyMs: number
    }
  | {
      kind: 'cron'
      /** Five fields. */
      cron: string
      /** The name of the time zone of the fields. */
      timeZone: string
    }

export interface Schedule {
  /** Unique in its session. */
  id: string
  /** When the schedule is due again. */
  rule: ScheduleRule
  /** The letter of each occurrence, without its own ids. It never changes, so a file has it once. */
  letter: Letter
  /** The number of the next occurrence, from 0. */
  occurrence: number
  /** The time of the next occurrence, in milliseconds by the clock of the store, as all times here. */
  dueAt: number
  /** The time of the creation. */
  createdAt: number
}

/** The owner of a new schedule. */
export interface ScheduleOwner extends Author {
  /** The tenant of the session; '' without authentication. */
  tenant: string
  /** The agent of a session that begins with the schedule. */
  agent: string
}

/** One occurrence of a schedule. */
export interface OccurrenceAt {
  /** The id of the schedule. */
  id: string
  /** The number of the occurrence. */
  occurrence: number
}

/** The next occurrence of a schedule. */
export type Occurrence = Pick<Schedule, 'occurrence' | 'dueAt'>

/** The schedules of a session. */
export interface SessionSchedules {
  /**
   * Adds a schedule. A session that does not exist begins. `known`: the session has a schedule with this
   * id and the same content. `taken`: it has one with this id and other content. `gone`: the session is a task
   * that its tree lacks.
   */
  addSchedule(
    sessionId: string,
    schedule: Schedule,
    options: ScheduleOwner & {
      /** The greatest number of schedules of a session. */
      schedulesMax: number
    },
  ): Promise<'added' | 'known' | 'taken' | 'full' | 'foreign' | 'gone'>
  /** Returns the schedules of a session, the next one first. */
  schedules(sessionId: string): Promise<Schedule[]>
  /**
   * Replaces an occurrence by the next one, or removes the schedule. Returns false if the occurrence is
   * not the next one any more, so that of several instances one advances the schedule.
   */
  advanceSchedule(
    sessionId: string,
    at: OccurrenceAt,
    next: Occurrence | undefined,
  ): Promise<boolean>
  /** Removes a schedule. Returns false if the tenant has no such schedule. */
  removeSchedule(
    sessionId: string,
    id: string,
    options: Pick<ScheduleOwner, 'tenant'>,
  ): Promise<boolean>
}

/** The size of a portion of the due sessions, and its lease. */
export interface DuePortion {
  /** The greatest number of sessions. */
  limit: number
  /** The time for which no other instance gets these sessions, in milliseconds. */
  leaseMs: number
}

/** A portion of the due sessions. */
export interface DueSessions {
  /** The ids of the sessions in the store. */
  sessionIds: string[]
  /** The time until which no other instance gets these sessions. */
  leasedUntil: number
  /** The time of the store now. */
  now: number
  /** The time at which the next session is due. Absent if there is none. */
  nextAt?: number
}

/** The index of the sessions with schedules, by the time of their next occurrence. */
export interface DueIndex {
  /** The time of the store now, in milliseconds. */
  time(): Promise<number>
  /**
   * Notes that a session has an occurrence at this time. An earlier time in the index stays. If it is the end of a
   * lease, `settleDue` does not remove it any more.
   */
  noteDue(sessionId: string, dueAt: number): Promise<void>
  /**
   * Returns sessions that are due, and leases them: if the instance dies, another one gets them after
   * `leaseMs`.
   */
  takeDue(options: DuePortion): Promise<DueSessions>
  /** Ends a lease: the session is next due at `dueAt`, or never. A time that was noted meanwhile stays. */
  settleDue(sessionId: string, leasedUntil: number, dueAt: number | undefined): Promise<void>
}

/** The part of a store for schedules. */
export interface ScheduleStore extends SessionSchedules, DueIndex {}

/**
 * Makes a session due at once after some of its schedules were removed. The next look then corrects its time. To take
 * it out of the index here would lose a schedule that is added meanwhile.
 */
export const lookAgain = (index: DueIndex, sessionId: string): Promise<void> =>
  index.noteDue(sessionId, 0)

/** The time of the first occurrence of some schedules. */
export const firstDueAt = (schedules: Iterable<Schedule>): number | undefined => {
  let first: number | undefined
  for (const { dueAt } of schedules) first = Math.min(first ?? dueAt, dueAt)
  return first
}

/** Whether two schedules with one id are the same: a call that is sent again adds the schedule once. */
export const isSameSchedule = (one: Schedule, other: Schedule): boolean =>
  one.letter.digest === other.letter.digest &&
  JSON.stringify(one.rule) === JSON.stringify(other.rule)
