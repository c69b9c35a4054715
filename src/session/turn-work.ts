/**
 * The work of a claimed turn, from the state of its log: begin an answer, continue after the answers of a
 * client or a human, or continue the turn of a dead owner. The result is the commit.
 */
import type { AgentEvent } from '../event.ts'
import { uiMessage } from '../message-fold.ts'
import { ofCall } from '../runner/tool-calls.ts'
import { ownSpendingIn } from '../spending.ts'
import type { Answer, QueueOnStop } from '../store/letter.ts'
import type { LogEntry } from '../store/log.ts'
import { type Commit, isFloorAtLeast } from '../store/turn.ts'
import { answerEvents } from './answer-events.ts'
import { closingEvents } from './open-calls.ts'
import { pendingParts } from './pending-parts.ts'
import { type Recovery, recover } from './recovery.ts'
import { runAgent } from './turn-agent.ts'
import { entriesOf, type RunningTurn } from './turn-world.ts'

/** A turn that so many owners died of, without progress in this time, probably kills its owners. */
const deathsMax = 3
/** The limit for owners that are alive after all, for example because their processor was busy. */
const takeoversMax = 10
const takeoversWithinMs = 5 * 60_000

/**
 * Does everything between the claim and the commit.
 * @param entries those that the log had at the claim
 * @throws errors after which nothing may be committed
 */
export async function perform(turn: RunningTurn, entries: Promise<LogEntry[]>): Promise<Commit> {
  const { claim } = turn
  const { logId, letter } = claim
  // An earlier owner may have started tasks that nothing waits for any more.
  if (claim.resumed || claim.abandoned !== undefined) turn.hasTasks = true
  if (claim.abandoned !== undefined) await settleAbandoned(turn, claim.abandoned)
  if (!claim.resumed) return answer(turn, {})
  // A turn that stops keeps its text, because no other text replaces it.
  const mayReset = isFloorAtLeast(claim.floor, 'v7') && claim.stop === undefined
  const recovery = recover(logId, await entries, mayReset)
  turn.fold = recovery.fold
  if (letter.request.stop !== undefined) return stopWait(turn, letter.request.stop, recovery)
  if (letter.kind !== 'answer') return continueTurn(turn, recovery)
  // While the message waits, no approved call has begun.
  const waits = !recovery.stepOpen && pendingParts(recovery.message).length > 0
  return waits || recovery.finish !== undefined
    ? addAnswers(turn, letter.answer, recovery)
    : continueTurn(turn, recovery)
}

/** Appends the answers of a client or a human, and continues if the message waits for no others. */
async function addAnswers(
  turn: RunningTurn,
  answers: readonly Answer[] = [],
  { openCalls }: Pick<Recovery, 'openCalls'>,
): Promise<Commit> {
  const { message } = turn.fold
  const events = answers.flatMap((one) => answerEvents(message, one))
  await turn.emit([{ type: 'start', messageId: message.id }, ...events])
  // Approved calls run now. The log must show the approval first, so that a later owner knows that they may have run.
  await turn.flush()
  if (pendingParts(message).length > 0) {
    await turn.emit([{ type: 'finish', finishReason: 'tool-calls' }])
    return commitOf(turn, 'waiting')
  }
  return answer(turn, { started: true, openCalls })
}

/** Ends a message that waits for answers as stopped. A takeover repeats it. */
async function stopWait(
  turn: RunningTurn,
  queue: QueueOnStop,
  recovery: Recovery,
): Promise<Commit> {
  const { claim, world } = turn
  const { sessionId, logId } = claim
  const session = await world.store.session(sessionId)
  // The store keeps the stop of the turn. A second request would hold a message that came after the first one.
  if (session?.turn?.stop === undefined) {
    await world.store.requestStop(sessionId, { tenant: session?.tenant ?? '', logId, queue })
  }
  turn.end('stop')
  const { message } = turn.fold
  if (pendingParts(message).length === 0) return continueTurn(turn, recovery)
  const text = 'Aborted before it was done.'
  const events = closingEvents(message, { output: text, decision: text, execution: text })
  await turn.emit([{ type: 'start', messageId: message.id }, ...events])
  return answer(turn, { started: true })
}

/** Settles a message that waited for answers when a new message came. It gets no answers any more. */
async function settleAbandoned(turn: RunningTurn, logId: string): Promise<void> {
  const { store, logTtlMs } = turn.world
  const { sessionId, claim } = turn.claim
  const { fold } = recover(logId, await entriesOf(store, sessionId, logId), false)
  const texts = {
    output: 'Not answered.',
    decision: 'Not answered.',
    execution: 'Not run: the conversation went on with another message.',
  }
  for (const event of closingEvents(fold.message, texts)) fold.add(event)
  const at = { sessionId, claim, logId }
  const commit = {
    message: uiMessage(fold.message),
    logTtlMs,
    spent: ownSpendingIn(fold.message.metadata),
  }
  if ((await store.settleAbandoned(at, commit)) === 'lost') turn.end('lost')
}

/** Continues the turn of a dead owner. */
async function continueTurn(turn: RunningTurn, recovery: Recovery): Promise<Commit> {
  const { finish, error, started, events, stepOpen, openCalls, cutOff } = recovery
  if (finish !== undefined) {
    const waits = pendingParts(turn.fold.message).length > 0
    return commitOf(turn, waits ? 'waiting' : 'idle', error)
  }
  if (await isPoisoned(turn, recovery)) return giveUp(turn, recovery)
  await turn.emit(events)
  return answer(turn, { started, stepOpen, openCalls, cutOff })
}

async function isPoisoned(
  turn: RunningTurn,
  { progressAt, openCalls }: Pick<Recovery, 'progressAt' | 'openCalls'>,
): Promise<boolean> {
  const { claim, world } = turn
  // Neither a model nor a tool runs in a turn that stops.
  if (claim.stop !== undefined) return false
  const failures = claim.takeovers.filter(
    ({ at }) => at > progressAt && claim.claim - at < takeoversWithinMs,
  )
  if (failures.length < deathsMax) return false
  if (failures.length >= takeoversMax) return true
  if (await waitsForTasks(turn, openCalls)) return false
  const alive = await Promise.all(failures.map(({ from }) => world.store.isAlive(from)))
  return alive.filter((isAlive) => !isAlive).length >= deathsMax
}

/** Whether the turn only waits for tasks. They work in turns of their own, and each of those counts its deaths. */
async function waitsForTasks(
  { claim, world }: RunningTurn,
  openCalls: Recovery['openCalls'],
): Promise<boolean> {
  if (openCalls.length === 0) return false
  const tasks = await world.tasks()
  const { sessionId, logId: messageId } = claim
  const waits = openCalls.map(({ toolCallId }) =>
    tasks.awaitsTask({ sessionId, messageId, toolCallId }),
  )
  return (await Promise.all(waits)).every((isWaiting) => isWaiting)
}

async function giveUp(turn: RunningTurn, recovery: Recovery): Promise<Commit> {
  const { started, events, stepOpen, openCalls } = recovery
  const errorText =
    'Every server that ran this turn died, so Loom ended the turn. Send the message again.'
  if (!started) await turn.emit([{ type: 'start', messageId: turn.claim.logId }])
  await turn.emit(events)
  await turn.emit([
    ...openCalls.map((call): AgentEvent => ({
      type: 'tool-output-error',
      errorText,
      ...ofCall(call),
    })),
    ...(stepOpen ? [{ type: 'finish-step' } as const] : []),
    { type: 'error', errorText, code: 'internal' },
    { type: 'finish', finishReason: 'error', messageMetadata: { outcome: 'error' } },
  ])
  return commitOf(turn, 'idle', errorText)
}

async function answer(
  turn: RunningTurn,
  resume: Parameters<typeof runAgent>[1]['resume'],
): Promise<Commit> {
  const { fold } = turn
  const partial = fold.message.parts.length === 0 ? undefined : uiMessage(fold.message)
  const { state, error } = await runAgent(turn, { resume, partial })
  return commitOf(turn, state, error)
}

/** Returns the commit of the turn in its current state. */
export function commitOf(
  { fold, endReason, world }: RunningTurn,
  state: Commit['state'],
  error?: string,
): Commit {
  const discard = endReason === 'discard'
  const hasParts = fold.message.parts.length > 0
  return {
    state,
    logTtlMs: world.logTtlMs,
    spent: ownSpendingIn(fold.message.metadata),
    ...(hasParts && !discard && { message: uiMessage(fold.message) }),
    ...(error !== undefined && { error }),
    ...(discard && { discard }),
  }
}
