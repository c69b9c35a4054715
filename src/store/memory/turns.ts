/**
 * The begin and the end of turns in memory. The rules are those of `redis/post.lua`, `redis/finish.lua`
 * and `redis/part/claim.lua`. The contract suite tests that both are the same.
 */
import { addSpending, isNothing, noSpending, type Spending } from '../../spending.ts'
import { contextAfter } from '../context.ts'
import type { Letter } from '../letter.ts'
import type { PostOptions, PostReply } from '../mailbox.ts'
import { type Claim, type Commit, type FinishReply, handedOver } from '../turn.ts'
import type { Hints } from './hints.ts'
import { isTooLarge } from './mailbox-size.ts'
import type { Band, Bounds, Known, MemorySession, Queued, MemoryTurn } from './session.ts'
import { bands, bury, cut, drop, enqueue, isForTurn, know, putMessage } from './session.ts'
import type { SessionTable } from './sessions.ts'

/** The data that the parts of the store share. */
export interface World {
  now: () => number
  /** Returns a number for each use of a session, which orders the list of a tenant. */
  nextUse: () => number
  bounds: Bounds
  sessions: SessionTable
  hints: Hints
}

/** Returns the place of an id that was posted before. */
export function knownAs(session: MemorySession, id: string): PostReply | undefined {
  const queued = session.mailbox.find(({ letter }) => letter.id === id)
  if (queued) return { status: 'known', as: 'queued', replyId: queued.letter.replyId }
  const known = session.known.get(id)
  const { turn } = session
  const isUnfinished = turn !== undefined && session.state !== 'idle'
  if (
    isUnfinished &&
    (id === turn.letter.id || id === turn.logId || known?.replyId === turn.logId)
  ) {
    return { status: 'known', as: 'running', replyId: turn.logId }
  }
  if (known) return { status: 'known', ...known }
  if (session.history.has(id)) return { status: 'known', as: 'done', replyId: '' }
  return undefined
}

/** The data that a session remembers of a letter from its post on. */
export const knownOf = ({ replyId, digest }: Letter): Known => ({ as: 'done', replyId, digest })

/** Posts a letter to a session whose turn runs. */
export function postBusy(
  session: MemorySession,
  { turn, letter }: { turn: MemoryTurn; letter: Letter },
  options: PostOptions,
  { bounds }: World,
): PostReply {
  const { agent, whenBusy, mailboxLimit, isResult } = options
  if (whenBusy === 'reject' && letter.kind === 'message' && isResult !== true) {
    return { status: 'busy' }
  }
  if (session.mailbox.length >= mailboxLimit || isTooLarge(session, letter, options)) {
    return { status: 'full' }
  }
  const band = isResult === true ? bands.result : bandOf(letter, whenBusy, turn)
  const position = enqueue(session, { letter, agent, band })
  know(session, letter.id, knownOf(letter), bounds)
  interruptFor(turn, band, whenBusy)
  return { status: 'queued', position, steered: isForTurn({ band }) }
}

/** Stops the turn for a letter that does not wait for its end. */
export function interruptFor(
  turn: MemoryTurn,
  band: Band,
  whenBusy: PostOptions['whenBusy'],
): void {
  if (band === bands.urgent && whenBusy === 'rollback') turn.stop = 'discard'
  if (band === bands.urgent && whenBusy === 'interrupt') turn.stop ??= 'keep'
}

export function bandOf(letter: Letter, whenBusy: PostOptions['whenBusy'], turn: MemoryTurn): Band {
  if (letter.kind === 'answer') return bands.answer
  if (whenBusy === 'interrupt' || whenBusy === 'rollback') return bands.urgent
  if (whenBusy !== 'steer' || letter.cutAt !== undefined) return bands.message
  // A turn that stops takes no steered letters any more. The letter is next, after the one that stopped it.
  return turn.stop === undefined ? bands.steer : bands.urgent
}

/** Makes `instance` the owner. A message begins a log, an answer continues the waiting one. */
export function begin(
  session: MemorySession,
  { letter, agent }: Pick<Queued, 'letter' | 'agent'>,
  instance: string,
  world: World,
): Claim {
  const { bounds } = world
  const before = session.turn
  const startedAt = world.now()
  const isResumed = letter.kind === 'answer' && before !== undefined
  const waitingLog = session.state === 'waiting' ? before?.logId : before?.abandoned
  const turn: MemoryTurn = {
    claim: 0,
    owner: instance,
    agent,
    letter,
    context: contextAfter(letter.context, isResumed ? before.context : session.context),
    logId: isResumed ? before.logId : letter.replyId,
    lastId: '',
    appendedAt: 0,
    startedAt,
    takeovers: [],
    floor: isResumed ? before.floor : undefined,
    stop: undefined,
    abandoned: isResumed ? before.abandoned : waitingLog,
    own: isResumed ? before.own : [],
    cutInto: undefined,
  }
  if (!isResumed) {
    if (letter.cutAt !== undefined && session.history.has(letter.cutAt)) {
      turn.cutInto = cut(session, letter.cutAt, startedAt, bounds)
    }
    if (letter.message !== undefined) enter(session, letter, turn, bounds)
    session.logs.set(turn.logId, { entries: [], until: undefined })
  }
  know(session, letter.id, { as: 'done', replyId: turn.logId }, bounds)
  session.state = 'running'
  session.error = undefined
  session.turn = turn
  session.context = contextAfter(letter.context, session.context)
  fence(session, turn, world)
  return claimOf(session, turn, isResumed)
}

/** Puts the message of a letter into the history, as part of the turn. */
export function enter(
  session: MemorySession,
  { message, digest }: Letter,
  turn: MemoryTurn,
  bounds: Bounds,
): void {
  if (message === undefined) return
  putMessage(session, message)
  turn.own.push(message.id)
  know(session, message.id, { as: 'done', replyId: turn.logId, digest }, bounds)
}

/** Makes a claim that is greater than all before, and appends the entry that locks out the earlier ones. */
export function fence(session: MemorySession, turn: MemoryTurn, { now }: World): void {
  session.lastClaim = Math.max(now(), session.lastClaim + 1)
  turn.claim = session.lastClaim
  turn.lastId = `${turn.claim}-0`
  session.claims.set(turn.claim, turn.logId)
  const [oldest] = session.claims.keys()
  if (session.claims.size > 1000 && oldest !== undefined) session.claims.delete(oldest)
  session.logs.get(turn.logId)?.entries.push({ id: turn.lastId, events: [] })
}

export function claimOf(session: MemorySession, turn: MemoryTurn, resumed: boolean): Claim {
  return {
    sessionId: session.id,
    claim: turn.claim,
    lastId: turn.lastId,
    letter: turn.letter,
    logId: turn.logId,
    resumed,
    takeovers: [...turn.takeovers],
    ...(turn.abandoned !== undefined && { abandoned: turn.abandoned }),
    ...(turn.stop !== undefined && { stop: turn.stop }),
    ...(turn.floor !== undefined && { floor: turn.floor }),
  }
}

/** Changes the history as the end of a turn demands. */
export function commitTurn(
  session: MemorySession,
  turn: MemoryTurn,
  commit: Commit,
  bounds: Bounds,
): void {
  session.state = commit.state
  session.error = commit.error
  if (commit.state === 'idle') spend(session, commit.spent)
  if (commit.discard === true) {
    for (const id of turn.own) {
      drop(session, id)
      bury(session, id, 'withdrawn', bounds)
    }
    drop(session, turn.logId)
    bury(session, turn.letter.id, 'withdrawn', bounds)
  } else if (commit.message !== undefined) {
    putMessage(session, commit.message)
  }
}

export function spend(session: MemorySession, spent: Spending = noSpending): void {
  if (isNothing(spent)) return
  session.spent = addSpending(session.spent ?? noSpending, spent)
}

/**
 * Takes the next letter whose place in the history still exists. If the instance lacks the agent of the
 * letter, the turn begins for any instance that has it; see `handedOver`.
 */
export function beginNext(
  session: MemorySession,
  { instance, agents }: { instance: string; agents?: readonly string[] | undefined },
  world: World,
): Pick<FinishReply & { status: 'done' }, 'next' | 'isLeft'> {
  const isWaiting = session.state === 'waiting'
  for (;;) {
    const [queued] = session.mailbox
    if (queued === undefined) {
      session.isHeld = false
      return {}
    }
    const { letter, agent, band } = queued
    if (band === bands.result && isWaiting) return {}
    // After a stop that holds the queue, only answers to a waiting message continue.
    if (session.isHeld && letter.kind !== 'answer') return {}
    session.mailbox.shift()
    const isPlaced =
      letter.kind === 'answer'
        ? isWaiting && letter.replyId === session.turn?.logId
        : letter.cutAt === undefined || session.history.has(letter.cutAt)
    if (isPlaced) {
      if (agents?.includes(agent) !== false)
        return { next: begin(session, queued, instance, world) }
      begin(session, queued, handedOver + instance, world)
      return { isLeft: true }
    }
    bury(session, letter.id, 'cut', world.bounds)
  }
}
