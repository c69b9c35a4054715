/** A session in memory, and the operations on its history, its known ids and its mailbox. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { wholeWeight } from '../../ground/json/weight.ts'
import type { Spending } from '../../spending.ts'
import type { Letter } from '../letter.ts'
import type { LogEntry } from '../log.ts'
import type { KnownAs } from '../mailbox.ts'
import type { Member, Shared } from '../member.ts'
import type { Schedule } from '../schedule.ts'
import type { Branch, KnownState } from '../session.ts'
import type { Summary } from '../summary.ts'
import type { ReaderFloor, Stop, Takeover } from '../turn.ts'
import type { TaskTree } from './task-tree.ts'

export interface MemorySession {
  readonly id: string
  readonly tenant: string
  /** The subject to whom it belongs. Undefined: the whole tenant. */
  readonly subject: string | undefined
  members: readonly Member[]
  readonly agent: string
  state: KnownState | 'deleted'
  readonly createdAt: number
  updatedAt: number
  error: string | undefined
  spent: Spending | undefined
  /** The spending of the unfinished message, as far as it was noted. */
  unfinishedSpent: Spending | undefined
  turn: MemoryTurn | undefined
  lastClaim: number
  /** Orders the list of the tenant. */
  usedAt: number
  /** In the order in which the letters will be taken. */
  mailbox: Queued[]
  /** Whether a stop holds the mailbox. */
  isHeld: boolean
  /** The ids of posts and messages. The oldest are forgotten. */
  known: Map<string, Known>
  /** By id. A map keeps the order, also if a message is replaced. */
  history: Map<string, UIMessage>
  summary: Summary | undefined
  /** The context of the next message that brings none of its own. */
  context: JSONObject | undefined
  branches: Branch[]
  branchesMade: number
  /** The size of the messages in `history` and `branches`. Undefined after they changed. */
  messageBytes: number | undefined
  /** The size of the files of its messages that are kept elsewhere. */
  fileBytes: number
  /** By id. A change replaces the map. */
  schedules: ReadonlyMap<string, Schedule>
  /** Of a root: its tasks. Undefined if it has had none. */
  tree: TaskTree | undefined
  readonly logs: Map<string, Log>
  /** The log of each of the last 1000 claims. */
  readonly claims: Map<number, string>
}

export interface MemoryTurn {
  claim: number
  owner: string
  agent: string
  letter: Letter
  /** The context of its letter, or the inherited one. */
  context: JSONObject | undefined
  logId: string
  lastId: string
  /** The time of the last append; 0 before the first. */
  appendedAt: number
  startedAt: number
  takeovers: Takeover[]
  floor: ReaderFloor | undefined
  stop: Stop | undefined
  /** The log of a message that waited when the letter of this turn came. */
  abandoned: string | undefined
  /** The messages that the turns of this log put into the history. */
  own: string[]
  /** The branch that the letter of this turn cut. */
  cutInto: Branch | undefined
}

export interface Queued {
  letter: Letter
  /** The agent that is to answer it. */
  agent: string
  band: Band
}

/** A lower band is taken first; see `mailbox.ts` of the port. */
export const bands = { answer: 0, steer: 1, urgent: 2, message: 3, result: 4 } as const
export type Band = (typeof bands)[keyof typeof bands]

export interface Known {
  as: Extract<KnownAs, 'done' | 'withdrawn' | 'cut'>
  replyId: string
  /** The digest of the letter with this id; see `Letter`. */
  digest?: string | undefined
}

export interface Log {
  entries: LogEntry[]
  /** The time at which a finished log is dropped. */
  until: number | undefined
}

/** The bounds of a store in memory or in files. */
export interface Bounds {
  /** The maximum number of ids that a session remembers. The oldest are forgotten. @defaultValue 10000 */
  knownMax: number
  /** The maximum number of branches of a session. The oldest are dropped. @defaultValue 100 */
  branchesMax: number
  /** The maximum number of messages in all branches of a session. @defaultValue 2000 */
  branchedMax: number
}

/** The fields of a new session. */
export interface NewSession extends Pick<MemorySession, 'id' | 'tenant' | 'agent'> {
  at: number
  subject?: string | undefined
  /** The mark of a deleted session with this id. */
  former?: MemorySession | undefined
}

/** Makes a session that is not in the table yet. Its claims are greater than those of the former one. */
export function createSession({
  id,
  tenant,
  subject,
  agent,
  at,
  former,
}: NewSession): MemorySession {
  return {
    id,
    tenant,
    subject,
    members: [],
    agent,
    state: 'idle',
    createdAt: at,
    updatedAt: at,
    error: undefined,
    spent: undefined,
    unfinishedSpent: undefined,
    turn: undefined,
    lastClaim: former?.lastClaim ?? 0,
    usedAt: 0,
    mailbox: [],
    isHeld: false,
    known: new Map(),
    history: new Map(),
    summary: undefined,
    context: undefined,
    branches: [],
    branchesMade: 0,
    messageBytes: undefined,
    fileBytes: 0,
    schedules: new Map(),
    // It has no tasks, but the removed ones whose sessions may still be there.
    tree: former?.tree,
    logs: new Map(),
    claims: new Map(),
  }
}

/** The owner and the members of a session. */
export const sharedOf = ({ subject, members }: MemorySession): Shared => ({
  ...(subject !== undefined && { subject }),
  ...(members.length > 0 && { members }),
})

/** Puts a message at the end of the history, or in the place of the one with the same id. */
export function putMessage(session: MemorySession, message: UIMessage): void {
  session.history.set(message.id, message)
  session.messageBytes = undefined
}

/** Returns the size of the messages of a session and of its files, as about the length of their JSON. */
export function bytesOf(session: MemorySession): number {
  session.messageBytes ??= [
    ...session.history.values(),
    ...session.branches.flatMap(({ messages }) => messages),
  ].reduce((bytes, message) => bytes + wholeWeight(message), 0)
  return session.messageBytes + session.fileBytes
}

/** Keeps a known digest if `known` has none. */
export function know(session: MemorySession, id: string, known: Known, { knownMax }: Bounds): void {
  const digest = known.digest ?? session.known.get(id)?.digest
  session.known.set(id, { ...known, digest })
  const [oldest] = session.known.keys()
  if (session.known.size > knownMax && oldest !== undefined) session.known.delete(oldest)
}

/** Remembers the id of a letter or message that is gone. */
export function bury(session: MemorySession, id: string, as: 'withdrawn' | 'cut', bounds: Bounds) {
  know(session, id, { as, replyId: session.known.get(id)?.replyId ?? '' }, bounds)
}

export function enqueue(session: MemorySession, queued: Queued): number {
  const behind = session.mailbox.findIndex(({ band }) => band > queued.band)
  const position = behind === -1 ? session.mailbox.length : behind
  session.mailbox.splice(position, 0, queued)
  return position
}

/** Whether the letter goes to the turn that runs. */
export const isForTurn = ({ band }: Pick<Queued, 'band'>): boolean =>
  band === bands.steer || band === bands.result

export function isSteered(session: MemorySession): boolean {
  return session.mailbox.some(isForTurn)
}

/** Moves a message and all after it into a branch. */
export function cut(session: MemorySession, at: string, cutAtMs: number, bounds: Bounds): Branch {
  const ids = [...session.history.keys()]
  const position = ids.indexOf(at)
  const messages = [...session.history.values()].slice(position)
  session.branchesMade += 1
  const branch = { number: session.branchesMade, at, position, cutAtMs, messages }
  for (const { id } of messages) {
    drop(session, id)
    bury(session, id, 'cut', bounds)
  }
  session.branches.push(branch)
  boundBranches(session, bounds)
  session.messageBytes = undefined
  return branch
}

/** Removes a message from the history, and the summary that ends with it. */
export function drop(session: MemorySession, id: string): void {
  session.history.delete(id)
  session.messageBytes = undefined
  if (session.summary?.through === id) session.summary = undefined
}

function boundBranches(session: MemorySession, { branchesMax, branchedMax }: Bounds): void {
  const { branches } = session
  let branched = branches.reduce((sum, { messages }) => sum + messages.length, 0)
  while (branches.length > 1 && (branches.length > branchesMax || branched > branchedMax)) {
    branched -= branches.shift()?.messages.length ?? 0
  }
}

/** Inserts a message before another, or at the end if that one is gone. Replaces a message with the same id. */
export function insertBefore(session: MemorySession, message: UIMessage, before: string): void {
  session.messageBytes = undefined
  if (session.history.has(message.id) || !session.history.has(before)) {
    session.history.set(message.id, message)
    return
  }
  const entries = [...session.history]
  const at = entries.findIndex(([id]) => id === before)
  session.history = new Map(entries.toSpliced(at, 0, [message.id, message]))
}
