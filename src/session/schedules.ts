/**
 * The schedules of sessions, and the delivery of their occurrences. Every instance looks for due sessions,
 * and the store gives each of them to one instance at a time. An occurrence is first posted and then
 * advanced. If the instance dies in between, another one posts the same letter again, which changes
 * nothing, and advances it.
 */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../ground/error.ts'
import type { Letter, WhenBusy } from '../store/letter.ts'
import type { MailboxStore, PostReply } from '../store/mailbox.ts'
import {
  firstDueAt,
  lookAgain,
  type Schedule,
  type ScheduleOwner,
  type ScheduleStore,
} from '../store/schedule.ts'
import type { SessionReader } from '../store/session.ts'
import { occurrenceLetter } from './occurrence-letter.ts'
import { nextOf, readTime } from './schedule-time.ts'

/** The greatest number of schedules of a session. */
const schedulesMax = 100

/** The greatest number of due sessions whose occurrences an instance delivers at a time. */
const portionSize = 50

/** The longest time between two looks for due sessions, in milliseconds. */
const lookEveryMs = 1000

/** The time after which a full mailbox or a missing agent is tried again, in milliseconds. */
const retryMs = 2000

export interface SchedulesOptions {
  store: ScheduleStore & SessionReader & Pick<MailboxStore, 'findLetter'>
  /** The time for which a due session belongs to one instance, in milliseconds. */
  leaseMs: number
  /** The names of the agents that this instance has now. */
  agentNames: () => readonly string[]
  /** Posts a letter; see `Mailboxes.post`. */
  post: (
    sessionId: string,
    letter: Letter,
    request: ScheduleOwner & { whenBusy: WhenBusy; beginsNone: boolean },
  ) => Promise<PostReply>
  report: (error: unknown) => void
}

/** A new schedule. */
export interface NewSchedule {
  /** Identifies the schedule in its session. @defaultValue a random UUID */
  id: string | undefined
  /** The fields of the time; see `ScheduleTime`. */
  time: Readonly<Record<string, unknown>>
  /** The letter of each occurrence, without its own ids. */
  letter: Letter
}

/** A schedule that was added, now or earlier. */
export interface AddedSchedule {
  /** The schedule as the store has it. */
  schedule: Schedule
  /** False if the session had it already. */
  isNew: boolean
}

/** The moment at which an instance took a due session. */
interface Taking {
  /** The time of the store, in milliseconds. */
  now: number
  /** The end of the lease, a time of the store in milliseconds. */
  leasedUntil: number
  /** The local time; see `performance.now`. */
  takenAt: number
}

export class Schedules {
  readonly #options: SchedulesOptions
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  /** The deliveries in progress. They do not delay the next look: a slow session must not make others late. */
  readonly #deliveries = new Set<Promise<void>>()
  /** The local time of the next look, in milliseconds; see `performance.now`. */
  #lookAt = Infinity
  #isStarted = false
  #isStopped = false

  constructor(options: SchedulesOptions) {
    this.#options = options
  }

  /**
   * @throws LoomError `invalid-request` for a bad time; `refused` if the id has another schedule;
   * `mailbox-full` if the session has too many; `not-found` if the session belongs to another tenant, or the task does not exist
   */
  async add(
    sessionId: string,
    { id = randomUUID(), time, letter }: NewSchedule,
    owner: ScheduleOwner,
  ): Promise<AddedSchedule> {
    const { store } = this.#options
    const now = await store.time()
    const { rule, dueAt } = await readTime(time, now)
    // Its occurrences would have the ids of messages that the session has already.
    if ((await store.findLetter(sessionId, `${id}:0`)) !== undefined) throw usedId(id)
    const schedule: Schedule = { id, rule, letter, occurrence: 0, dueAt, createdAt: now }
    // The index first, so that some instance finds each schedule.
    await store.noteDue(sessionId, dueAt)
    const status = await store.addSchedule(sessionId, schedule, { ...owner, schedulesMax })
    // A look before the store had the schedule removed the time.
    if (status === 'added' || status === 'known') await store.noteDue(sessionId, dueAt)
    else await lookAgain(store, sessionId)
    if (status === 'taken') throw usedId(id)
    if (status === 'full') {
      throw new LoomError(
        'mailbox-full',
        `A session has at most ${schedulesMax} schedules. Remove one first.`,
      )
    }
    // `gone`: the id is that of a task, and no tree has it.
    if (status === 'foreign' || status === 'gone')
      throw new LoomError('not-found', 'There is no such session.')
    this.#arm(dueAt - now)
    const known = status === 'known' ? await this.#named(sessionId, id) : undefined
    return { schedule: known ?? schedule, isNew: status === 'added' }
  }

  async #named(sessionId: string, id: string): Promise<Schedule | undefined> {
    return (await this.#options.store.schedules(sessionId)).find((schedule) => schedule.id === id)
  }

  /** Returns the schedules of a session, the next one first. */
  list(sessionId: string): Promise<Schedule[]> {
    return this.#options.store.schedules(sessionId)
  }

  /** Removes a schedule. Returns false if there is none. */
  async remove(sessionId: string, id: string, tenant: string): Promise<boolean> {
    const { store } = this.#options
    const isRemoved = await store.removeSchedule(sessionId, id, { tenant })
    if (isRemoved) await lookAgain(store, sessionId)
    return isRemoved
  }

  // Delivery

  /** Begins to look for due sessions. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#arm(0)
    this.#wait()
  }

  /** Waits for the deliveries in progress. No other begins. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#round
    await Promise.all(this.#deliveries)
  }

  /**
   * Looks when `delayMs` have passed since `from`, or earlier. After the end of a look in progress,
   * another one follows.
   * @param from a local time; see `performance.now`
   */
  #arm(delayMs: number, from = performance.now()): void {
    const at = from + Math.min(Math.max(delayMs, 0), lookEveryMs)
    if (at >= this.#lookAt) return
    this.#lookAt = at
    if (this.#round === undefined) this.#wait()
  }

  #wait(): void {
    if (!this.#isStarted || this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.max(this.#lookAt - performance.now(), 0))
    // The timer must not keep a program alive.
    this.#timer.unref()
  }

  #look(): void {
    this.#lookAt = Infinity
    this.#round = this.#lookOnce()
  }

  async #lookOnce(): Promise<void> {
    try {
      await this.#takeAll()
    } catch (error) {
      this.#options.report(error)
    } finally {
      this.#round = undefined
      this.#arm(lookEveryMs)
      this.#wait()
    }
  }

  /** Takes the sessions that are due, and begins their deliveries. */
  async #takeAll(): Promise<void> {
    const { store, leaseMs } = this.#options
    while (!this.#isStopped) {
      const limit = portionSize - this.#deliveries.size
      if (limit === 0) {
        await Promise.race(this.#deliveries)
        continue
      }
      const due = await store.takeDue({ limit, leaseMs })
      const takenAt = performance.now()
      const { sessionIds, leasedUntil, now, nextAt = Infinity } = due
      this.#arm(nextAt - now, takenAt)
      for (const sessionId of sessionIds) this.#begin(sessionId, { now, leasedUntil, takenAt })
      if (sessionIds.length < limit) return
    }
  }

  #begin(sessionId: string, taking: Taking): void {
    const delivery = this.#deliver(sessionId, taking)
      .catch(this.#options.report)
      .finally(() => this.#deliveries.delete(delivery))
    this.#deliveries.add(delivery)
  }

  async #deliver(sessionId: string, { now, leasedUntil, takenAt }: Taking): Promise<void> {
    const { store } = this.#options
    const session = await store.session(sessionId)
    if (session === undefined) return store.settleDue(sessionId, leasedUntil, undefined)
    const due = (await store.schedules(sessionId)).filter(({ dueAt }) => dueAt <= now)
    let isDelayed = false
    for (const schedule of due) {
      if (this.#isStopped) return
      const isDone = await this.#deliverOne(sessionId, schedule, { now, tenant: session.tenant })
      if (!isDone) isDelayed = true
    }
    // Read again: a schedule may have been added meanwhile.
    const next = firstDueAt(await store.schedules(sessionId))
    const dueAt = isDelayed ? now + retryMs : next
    await store.settleDue(sessionId, leasedUntil, dueAt)
    // The index had the end of the lease in place of this time when the look began.
    if (dueAt !== undefined) this.#arm(dueAt - now, takenAt)
  }

  /** Returns false if the occurrence must be tried again later, perhaps by another instance. */
  async #deliverOne(
    sessionId: string,
    schedule: Schedule,
    { now, tenant }: { now: number; tenant: string },
  ): Promise<boolean> {
    const { store, post, agentNames } = this.#options
    const { id, occurrence, letter } = schedule
    const { agent } = letter.request
    if (!agentNames().includes(agent)) return false
    const { next, missed } = await nextOf(schedule, now)
    // The session may be deleted meanwhile, and must not begin anew.
    const request = { tenant, agent, whenBusy: 'queue' as const, beginsNone: true }
    const { status } = await post(sessionId, occurrenceLetter(schedule, { now, missed }), request)
    if (status === 'full' || status === 'busy' || status === 'unknown') return false
    await store.advanceSchedule(sessionId, { id, occurrence }, next)
    return true
  }
}

const usedId = (id: string) =>
  new LoomError(
    'refused',
    `The id "${id}" belongs to another schedule of this session, or belonged to an earlier one. Choose another id.`,
  )
