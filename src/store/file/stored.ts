/**
 * The JSON of a change of a session. Messages, letters, contexts and summaries never change, so a file
 * has each of them once, and a change refers to them by number: the n-th of these records is number n.
 *
 * A change contains the new state and not the call that made it. Otherwise a later version of Loom, whose
 * rules may differ, would read another state from the same file than the one that clients have seen.
 */
import { LoomError } from '../../ground/error.ts'
import type { Spending } from '../../spending.ts'
import type { LogEntry } from '../log.ts'
import type { Member } from '../member.ts'
import type { Band, Known, MemorySession, MemoryTurn } from '../memory/session.ts'
import type { Schedule } from '../schedule.ts'
import type { Task, TaskEntry, TaskState } from '../task.ts'

/** The format of a file that version 0.1 reads. */
export const format = 1

/** The format of a file that may refer to messages in segments. */
export const sharedFormat = 2

/** The format of a file whose messages are in the compact form (`message-form.ts`). It may refer to segments too. */
export const compactFormat = 3

/** The latest format that this version reads. */
export const latestFormat = compactFormat

/** The first record of a file. */
export interface Head {
  format: number
  /** The id of the session. */
  id: string
}

/** @throws LoomError for the file of a later version: this one would misread it */
export function checkFormat(
  path: string,
  head: Head | undefined,
  code: 'invalid-config' | 'unavailable',
): void {
  if (head === undefined || head.format <= latestFormat) return
  // A client must not see the path.
  const name = code === 'unavailable' ? 'The file of this session' : path
  throw new LoomError(
    code,
    `${name} was written by a later version of Loom: start that version, or choose another folder.`,
  )
}

export interface Change {
  /** The session begins anew with this change. */
  begin?: { tenant: string; subject?: string; agent: string; createdAt: number }
  core?: StoredCore
  /** The number of messages that stay at the begin of the history, then the messages after these. */
  history?: [keep: number, ...added: number[]]
  /** The ids that became known or were forgotten, in order. */
  known?: StoredKnown[]
  /** All branches. */
  branches?: StoredBranch[]
  logs?: StoredLog[]
  /** The new claims, and their logs. */
  claims?: [claim: number, logId: string][]
  /** The changes of the tasks of a root. A tree may have very many, so a change has only what differs. */
  tasks?: StoredTasks
}

/** A message in a segment: the name of the segment, and the number of the message there. */
export type StoredReference = [segment: string, number: number]

export interface StoredTasks {
  /** The new tasks, in the order of their start. */
  added?: StoredTask[]
  /** The tasks with another state or spending. */
  changed?: [id: string, state: TaskState, spent?: Spending][]
  /** The tasks that left the tree. `isRemoved`: their sessions may still be there. */
  gone?: [id: string, isRemoved: boolean][]
  /** The spending of the tasks that left the tree. */
  removedSpent?: Spending
}

export type StoredTask = Omit<TaskEntry, 'task'> & {
  task: Omit<Task, 'letter'> & { letter: number }
}

/** The small fields of a session. A change contains all of them, because any of them may be new. */
export interface StoredCore {
  state: MemorySession['state']
  updatedAt: number
  usedAt: number
  lastClaim: number
  isHeld: boolean
  branchesMade: number
  error?: string
  spent?: Spending
  unfinishedSpent?: Spending
  context?: number
  summary?: number
  turn?: StoredTurn
  mailbox: [letter: number, agent: string, band: Band][]
  /** Absent if there are none. */
  schedules?: StoredSchedule[]
  /** Absent if there are none. */
  members?: readonly Member[]
  /** The size of its files that are kept elsewhere. Absent if there are none. */
  fileBytes?: number
}

export type StoredTurn = Pick<
  MemoryTurn,
  'claim' | 'owner' | 'agent' | 'logId' | 'lastId' | 'startedAt' | 'takeovers' | 'own'
> &
  Partial<Pick<MemoryTurn, 'floor' | 'stop' | 'abandoned'>> & {
    letter: number
    context?: number
    /** The number of the branch. */
    cutInto?: number
  }

export type StoredSchedule = Omit<Schedule, 'letter'> & { letter: number }

/** An id without `as` was forgotten. */
export type StoredKnown = [id: string, as?: Known['as'], replyId?: string, digest?: string]

export interface StoredBranch {
  number: number
  at: string
  position: number
  cutAtMs: number
  messages: number[]
}

export interface StoredLog {
  id: string
  /** The log begins anew. */
  isNew?: true
  until?: number
  added?: LogEntry[]
}
