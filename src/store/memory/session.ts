/** A session in this process, and what is done to its history, its known ids and its mailbox. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Spending } from '../../spending.ts'
import type { Letter } from '../letter.ts'
import type { LogEntry } from '../log.ts'
import type { KnownAs } from '../mailbox.ts'
import type { Branch, KnownState } from '../session.ts'
import type { Summary } from '../summary.ts'
import type { ReaderFloor, Stop } from '../turn.ts'

export interface MemorySession {
  readonly id: string
  readonly tenant: string
  readonly agent: string
  state: KnownState | 'deleted'
  readonly createdAt: number
  updatedAt: number
  error: string | undefined
  spent: Spending | undefined
  turn: MemoryTurn | undefined
  lastClaim: number
  /** Orders a tenant's list. */
  usedAt: number
  /** In the order in which it will be taken. */
  mailbox: Queued[]
  /** A stop holds the mailbox. */
  isHeld: boolean
  /** What was posted, or was a message: the oldest are forgotten. */
  readonly known: Map<string, Known>
  /** By id; a map keeps the order, also where one is replaced. */
  history: Map<string, UIMessage>
  summary: Summary | undefined
  /** What the next message has that brings none. */
  context: JSONObject | undefined
  branches: Branch[]
  branchesMade: number
  readonly logs: Map<string, Log>
  /** The log of every claim, the last thousand. */
  readonly claims: Map<number, string>
}

export interface MemoryTurn {
  claim: number
  owner: string
  agent: string
  letter: Letter
  /** Its letter's, or what that inherits. */
  context: JSONObject | undefined
  logId: string
  lastId: string
  /** When its owner appended last; 0 before that. */
  appendedAt: number
  startedAt: number
  takeovers: number[]
  floor: ReaderFloor | undefined
  stop: Stop | undefined
  /** The log of a message that waited when this turn's letter came. */
  abandoned: string | undefined
  /** Messages that this log's turns put into the history. */
  own: string[]
  /** The branch that this turn's letter cut. */
  cutInto: Branch | undefined
}

export interface Queued {
  letter: Letter
  /** The agent that is to answer it. */
  agent: string
  band: Band
}

/** See `mailbox.ts` of the port: a lower band is taken first. */
export const bands = { answer: 0, steer: 1, urgent: 2, message: 3 } as const
export type Band = (typeof bands)[keyof typeof bands]

export interface Known {
  as: Extract<KnownAs, 'done' | 'withdrawn' | 'cut'>
  replyId: string
  /** Of the letter with this id; see `Letter`. */
  digest?: string | undefined
}

export interface Log {
  entries: LogEntry[]
  /** When a finished log is dropped. */
  until: number | undefined
}

export interface Bounds {
  /** The maximum number of ids that a session remembers. The oldest are forgotten. @defaultValue 10000 */
  knownMax: number
  /** The maximum number of branches of a session. The oldest are dropped. @defaultValue 100 */
  branchesMax: number
  /** The maximum number of messages in all branches of a session. @defaultValue 2000 */
  branchedMax: number
}

export function createSession(
  id: string,
  tenant: string,
  agent: string,
  at: number,
): MemorySession {
  return {
    id,
    tenant,
    agent,
    state: 'idle',
    createdAt: at,
    updatedAt: at,
    error: undefined,
    spent: undefined,
    turn: undefined,
    lastClaim: 0,
    usedAt: 0,
    mailbox: [],
    isHeld: false,
    known: new Map(),
    history: new Map(),
    summary: undefined,
    context: undefined,
    branches: [],
    branchesMade: 0,
    logs: new Map(),
    claims: new Map(),
  }
}

/** A digest that is known stays known. */
export function know(session: MemorySession, id: string, known: Known, { knownMax }: Bounds): void {
  const digest = known.digest ?? session.known.get(id)?.digest
  session.known.set(id, { ...known, digest })
  const [oldest] = session.known.keys()
  if (session.known.size > knownMax && oldest !== undefined) session.known.delete(oldest)
}

/** The id stays known after what it named is gone. */
export function bury(session: MemorySession, id: string, as: 'withdrawn' | 'cut', bounds: Bounds) {
  know(session, id, { as, replyId: session.known.get(id)?.replyId ?? '' }, bounds)
}

export function enqueue(session: MemorySession, queued: Queued): number {
  const behind = session.mailbox.findIndex(({ band }) => band > queued.band)
  const position = behind === -1 ? session.mailbox.length : behind
  session.mailbox.splice(position, 0, queued)
  return position
}

export function isSteered(session: MemorySession): boolean {
  return session.mailbox.some(({ band }) => band === bands.steer)
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
  return branch
}

/** Takes a message out of the history, and the summary that ends with it. */
export function drop(session: MemorySession, id: string): void {
  session.history.delete(id)
  if (session.summary?.through === id) session.summary = undefined
}

function boundBranches(session: MemorySession, { branchesMax, branchedMax }: Bounds): void {
  const { branches } = session
  let branched = branches.reduce((sum, { messages }) => sum + messages.length, 0)
  while (branches.length > 1 && (branches.length > branchesMax || branched > branchedMax)) {
    branched -= branches.shift()?.messages.length ?? 0
  }
}

/** Puts a message in before another, or last where that one is gone; over the one with its id. */
export function insertBefore(session: MemorySession, message: UIMessage, before: string): void {
  if (session.history.has(message.id) || !session.history.has(before)) {
    session.history.set(message.id, message)
    return
  }
  const entries = [...session.history]
  const at = entries.findIndex(([id]) => id === before)
  session.history = new Map(entries.toSpliced(at, 0, [message.id, message]))
}
