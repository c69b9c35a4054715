/** The agent and the letter of an answer, for each API of OpenAI. */
import type { Agent } from '../../src/agent.ts'
import type { AnswerSettings } from '../../src/answer-settings.ts'
import { LoomError } from '../../src/ground/error.ts'
import { withServerPart } from '../../src/store/context.ts'
import type { LetterRequest } from '../../src/store/letter.ts'
import type { SessionWorld } from '../session-world.ts'

/** The times of OpenAI's APIs are in seconds since 1970. */
export const nowS = (): number => Math.floor(Date.now() / 1000)

/** @throws LoomError `unknown-agent` */
export function agentNamed(agents: readonly Agent[], model: string): Agent {
  const agent = agents.find(({ name }) => name === model)
  if (agent !== undefined) return agent
  const names = agents.map(({ name }) => `"${name}"`).join(', ')
  throw new LoomError(
    'unknown-agent',
    `There is no model "${model}". The models of this server are its agents: ${names}.`,
  )
}

/** @param approvals whether the client shows the requests for approvals. @defaultValue false */
export async function letterRequest(
  world: SessionWorld,
  agent: Agent,
  asked: AnswerSettings | undefined,
  { approvals = false }: { approvals?: boolean } = {},
): Promise<LetterRequest> {
  const { subject } = world.principal
  const server = await world.serverContext?.()
  const context = server === undefined ? undefined : withServerPart(undefined, server)
  return {
    agent: agent.name,
    ...(subject !== undefined && { subject }),
    ...(context !== undefined && { context }),
    ...(asked !== undefined && { asked }),
    approvals,
    // A client knows only the tools of its own request.
    clientTools: asked?.tools !== undefined,
  }
}
