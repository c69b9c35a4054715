/**
 * What a claimed turn has to do, by where its log stands: begin, go on with what a client or a human
 * answered, or go on where an owner that is gone left it. The result is what is to be committed.
 */
import type { AgentEvent } from '../event.ts'
import { uiMessage } from '../message-fold.ts'
import { ofCall } from '../runner/tool-calls.ts'
import { spendingIn } from '../spending.ts'
import type { Answer } from '../store/letter.ts'
import type { Commit } from '../store/turn.ts'
import { answerEvents } from './answer-events.ts'
import { closingEvents } from './open-calls.ts'
import { type Recovery, recover } from './recovery.ts'
import { runAgent } from './turn-agent.ts'
import { entriesOf, type RunningTurn } from './turn-world.ts'
import { waitingParts } from './waiting.ts'

/** A turn that was taken over so often in so short a time kills its owners. */
const takeoversMax = 3
const takeoversWithinMs = 5 * 60_000

/** Everything between the claim and the commit. @throws what must not be committed */
export async function perform(turn: RunningTurn): Promise<Commit> {
  const { claim, world } = turn
  const { sessionId, logId, letter } = claim
  if (claim.abandoned !== undefined) await settleAbandoned(turn, claim.abandoned)
  if (!claim.resumed) return answer(turn, {})
  const entries = await entriesOf(world.store, sessionId, logId)
  // A turn that is to stop keeps what it said: there will be nothing in its place.
  const mayReset = claim.floor === 'v7' && claim.stop === undefined
  const recovery = recover(logId, entries, mayReset)
  turn.fold = recovery.fold
  if (letter.kind !== 'answer') return takeUp(turn, recovery)
  // While something is waited for, nothing that was approved has been begun.
  const waits = !recovery.stepOpen && waitingParts(recovery.message).length > 0
  return waits || recovery.finished !== undefined
    ? goOn(turn, letter.answer)
    : takeUp(turn, recovery)
}

/** Tells the log what a client or a human said; goes on once nothing is waited for any more. */
async function goOn(turn: RunningTurn, answers: readonly Answer[] = []): Promise<Commit> {
  const { message } = turn.fold
  const events = answers.flatMap((one) => answerEvents(message, one))
  await turn.emit([{ type: 'start', messageId: message.id }, ...events])
  // What was approved runs now: whoever finds it cut off must know that it may have been running.
  await turn.flush()
  if (waitingParts(message).length > 0) {
    await turn.emit([{ type: 'finish', finishReason: 'tool-calls' }])
    return commitOf(turn, 'waiting')
  }
  return answer(turn, { started: true })
}

/** A new message came while another waited: nobody will answer that one any more. */
async function settleAbandoned(turn: RunningTurn, logId: string): Promise<void> {
  const { store, logTtlMs } = turn.world
  const { sessionId, claim } = turn.claim
  const { fold } = recover(logId, await entriesOf(store, sessionId, logId), false)
  const texts = {
    called: 'Not answered.',
    asked: 'Not answered.',
    begun: 'Not run: the conversation went on with another message.',
  }
  for (const event of closingEvents(fold.message, texts)) fold.add(event)
  const at = { sessionId, claim, logId }
  const commit = {
    message: uiMessage(fold.message),
    logTtlMs,
    spent: spendingIn(fold.message.metadata),
  }
  if ((await store.settleAbandoned(at, commit)) === 'lost') turn.end('lost')
}

/** Goes on with a turn whose owner is gone. */
async function takeUp(turn: RunningTurn, recovery: Recovery): Promise<Commit> {
  const { finished, error, started, events, stepOpen, openCalls, cutOff } = recovery
  if (finished !== undefined) {
    const waits = waitingParts(turn.fold.message).length > 0
    return commitOf(turn, waits ? 'waiting' : 'idle', error)
  }
  if (isPoisoned(turn, recovery.progressAt)) return giveUp(turn, recovery)
  await turn.emit(events)
  return answer(turn, { started, stepOpen, openCalls, cutOff })
}

/** @param progressAt the claim under which a step was last finished */
function isPoisoned({ claim: { takeovers, claim } }: RunningTurn, progressAt: number): boolean {
  const vain = takeovers.filter((at) => at > progressAt && claim - at < takeoversWithinMs)
  return vain.length >= takeoversMax
}

async function giveUp(turn: RunningTurn, recovery: Recovery): Promise<Commit> {
  const { started, events, stepOpen, openCalls } = recovery
  const errorText = 'This turn ended every server that ran it, and was given up.'
  if (!started) await turn.emit([{ type: 'start', messageId: turn.claim.logId }])
  await turn.emit(events)
  await turn.emit([
    ...openCalls.map((call): AgentEvent => ({
      type: 'tool-output-error',
      errorText,
      ...ofCall(call),
    })),
    ...(stepOpen ? [{ type: 'finish-step' } as const] : []),
    { type: 'error', errorText },
    { type: 'finish', finishReason: 'error' },
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

/** What is to be stored of the turn as it stands. */
export function commitOf(
  { fold, ending, world }: RunningTurn,
  state: Commit['state'],
  error?: string,
): Commit {
  const discard = ending === 'discard'
  const said = fold.message.parts.length > 0
  return {
    state,
    logTtlMs: world.logTtlMs,
    spent: spendingIn(fold.message.metadata),
    ...(said && !discard && { message: uiMessage(fold.message) }),
    ...(error !== undefined && { error }),
    ...(discard && { discard }),
  }
}
