/** Runs the agent of a turn on the session's history, and gives what is to become of the session. */
import type { ModelMessage, UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { run } from '../runner.ts'
import type { Origins } from '../runner/compaction/origins.ts'
import type { Resume, SessionHooks } from '../runner/session-hooks.ts'
import { noSpending, spentOn } from '../spending.ts'
import type { Summary } from '../store/summary.ts'
import type { Commit } from '../store/turn.ts'
import { modelMessagesOf } from '../wire/conversation.ts'
import { contextMessages } from './context-messages.ts'
import { closingEvents, openProviderCalls } from './open-calls.ts'
import { isGone, type RunningTurn } from './turn-world.ts'

export interface AgentRun {
  resume: Resume
  /** What the message holds already. */
  partial: UIMessage | undefined
}

export interface AgentRunEnd {
  state: Commit['state']
  /** Why the turn failed. */
  error?: string
}

/** @throws the abort of a turn that was told to end */
export async function runAgent(
  turn: RunningTurn,
  { resume, partial }: AgentRun,
): Promise<AgentRunEnd> {
  const { claim, world, signal, sink } = turn
  const { request } = claim.letter
  const agent = world.agentOf(request.agent)
  if (agent === undefined) {
    return fail(
      turn,
      new LoomError('unknown-agent', 'The agent of this turn is not on this server.'),
      resume,
    )
  }
  try {
    const stored = await world.store.context(claim.sessionId)
    // A letter that an earlier version stored has its context in the request alone.
    const { context = request.context ?? {} } = stored
    const { messages, origins } = await contextMessages(stored, partial, { agent, context })
    const { models, defaultModel, limits } = world
    const result = await run(agent, messages, {
      models,
      defaultModel,
      limits,
      context,
      signal,
      sink,
      messageId: claim.logId,
      approvals: request.approvals ?? true,
      clientTools: request.clientTools ?? true,
      session: hooksOf(turn, resume, origins),
    })
    return { state: result.outcome === 'waiting' ? 'waiting' : 'idle' }
  } catch (error) {
    if (isGone(turn) || (turn.ending !== undefined && isTold(error))) throw error
    return fail(turn, error, resume)
  }
}

function hooksOf(turn: RunningTurn, resume: Resume, origins: Origins): SessionHooks {
  const { claim, world } = turn
  return {
    id: claim.sessionId,
    resume: {
      ...resume,
      providerCalls: openProviderCalls(turn.fold.message),
      spent: spentOn(turn.fold.message.metadata),
    },
    summaries: {
      origins,
      breaker: world.breakers.for(claim.sessionId),
      save: (summary) => saveSummary(turn, summary),
    },
    spent: async () => (await world.store.session(claim.sessionId))?.spent ?? noSpending,
    beforeStart: () => world.mayStart(claim),
    moreMessages: () => steered(turn),
    async mayReset() {
      const session = await world.store.session(claim.sessionId).catch(() => undefined)
      return session?.turn?.floor === 'v7'
    },
  }
}

/** A summary that is not kept costs another one, and no more than that. */
async function saveSummary(turn: RunningTurn, summary: Summary): Promise<void> {
  const { store, report } = turn.world
  const { sessionId, claim } = turn.claim
  try {
    const saved = await store.saveSummary({ sessionId, claim }, summary)
    if (saved === 'lost') turn.end('lost')
  } catch (error) {
    report(error)
  }
}

/** What was steered to this turn while it ran, for its next step. */
async function steered(turn: RunningTurn): Promise<ModelMessage[]> {
  // The log's answer to what was said last tells of every letter that came before it.
  await turn.flush()
  if (!turn.takeSteer()) return []
  const { sessionId, claim } = turn.claim
  const letters = await turn.world.store.takeSteered({ sessionId, claim })
  if (letters === 'lost') {
    turn.end('lost')
    return []
  }
  return modelMessagesOf(letters.flatMap(({ message }) => message ?? []))
}

/** `run` tells of its failures itself, once it has begun. */
const isTold = (error: unknown) => error instanceof LoomError && error.result !== undefined

async function fail(turn: RunningTurn, error: unknown, resume: Resume): Promise<AgentRunEnd> {
  const { claim, world, emit, ending } = turn
  // Anything else may hold paths, queries or keys: it is for the log, not for the client.
  const errorText =
    error instanceof LoomError
      ? world.models.redact(errorMessage(error))
      : 'Something went wrong in the server.'
  if (!isTold(error)) {
    if (resume.started !== true) await emit([{ type: 'start', messageId: claim.logId }])
    await emit(closed(turn, resume.stepOpen === true))
    await emit(
      ending === undefined
        ? [
            { type: 'error', errorText },
            { type: 'finish', finishReason: 'error' },
          ]
        : [{ type: 'abort' }, { type: 'finish', finishReason: 'other' }],
    )
  }
  world.report(error)
  return ending === undefined ? { state: 'idle', error: errorText } : { state: 'idle' }
}

/** Nothing stays open in a message that is over: what an approval or a takeover left to be done. */
function closed({ fold: { message }, ending }: RunningTurn, stepOpen: boolean): AgentEvent[] {
  const reason = ending === undefined ? 'Not run: the turn failed.' : 'Aborted before it was done.'
  const events = closingEvents(message, { called: reason, asked: reason, begun: reason })
  return stepOpen ? [...events, { type: 'finish-step' }] : events
}
