/** Runs the agent of a turn on the session's history, and gives what is to become of the session. */
import { randomUUID } from 'node:crypto'

import type { ModelMessage, UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { modelMessagesOf } from '../conversation.ts'
import { toolSetOf } from '../conversation/tool-set.ts'
import { errorMessage, LoomError } from '../error.ts'
import { run } from '../runner.ts'
import type { Resume, SessionHooks } from '../runner/session-hooks.ts'
import { noSpending, spentOn } from '../spending.ts'
import type { Commit } from '../store/turn.ts'
import { isLetterRequest, type LetterRequest } from './letter-request.ts'
import type { RunningTurn } from './turn-world.ts'

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
  const agent = isLetterRequest(request) ? world.agentOf(request.agent) : undefined
  if (agent === undefined || !isLetterRequest(request)) {
    return fail(
      turn,
      new LoomError('unknown-agent', 'The agent of this turn is not on this server.'),
    )
  }
  try {
    const history = await world.store.messages(claim.sessionId)
    const messages = partial === undefined ? history : [...history, partial]
    const { models, defaultModel, limits } = world
    const result = await run(agent, await promptMessages(messages, agent, request), {
      models,
      defaultModel,
      limits,
      context: request.context ?? {},
      signal,
      sink,
      messageId: claim.logId,
      approvals: request.approvals ?? true,
      clientTools: request.clientTools ?? true,
      session: hooksOf(turn, resume),
    })
    return { state: result.outcome === 'waiting' ? 'waiting' : 'idle' }
  } catch (error) {
    if (turn.ending !== undefined) throw error
    return fail(turn, error)
  }
}

/** A stored conversation as the agent's model is told it. */
export const promptMessages = (
  messages: readonly UIMessage[],
  { tools = [] }: Agent,
  { context = {} }: Pick<LetterRequest, 'context'>,
): Promise<ModelMessage[]> =>
  modelMessagesOf(messages, async () =>
    toolSetOf(typeof tools === 'function' ? await tools(context) : tools),
  )

function hooksOf(turn: RunningTurn, resume: Resume): SessionHooks {
  const { claim, world } = turn
  return {
    id: claim.sessionId,
    resume: { ...resume, spent: spentOn(turn.fold.message.metadata) },
    spent: async () => (await world.store.session(claim.sessionId))?.spent ?? noSpending,
    beforeStart: () => world.mayStart(claim),
    moreMessages: () => steered(turn),
    async mayReset() {
      const session = await world.store.session(claim.sessionId).catch(() => undefined)
      return session?.turn?.floor === 'v7'
    },
  }
}

/** What was steered to this turn while it ran, for its next step. */
async function steered(turn: RunningTurn): Promise<ModelMessage[]> {
  // The log's answer to what was said last tells of every letter that came before it.
  await turn.flush()
  if (!turn.takeSteer()) return []
  const { sessionId, claim } = turn.claim
  const letters = await turn.world.store.takeSteered({ sessionId, claim, nonce: randomUUID() })
  if (letters === 'lost') {
    turn.end('lost')
    return []
  }
  return modelMessagesOf(letters.flatMap(({ message }) => message ?? []))
}

/** `run` tells of its failures itself, once it has begun. */
async function fail({ claim, world, emit }: RunningTurn, error: unknown): Promise<AgentRunEnd> {
  const known = error instanceof LoomError
  // Anything else may hold paths, queries or keys: it is for the log, not for the client.
  const errorText = known
    ? world.models.redact(errorMessage(error))
    : 'Something went wrong in the server.'
  const told = known && error.result !== undefined
  if (!told) {
    await emit([
      { type: 'start', messageId: claim.logId },
      { type: 'error', errorText },
      { type: 'finish', finishReason: 'error' },
    ])
  }
  world.report(error)
  return { state: 'idle', error: errorText }
}
