/** `startAgent`: one conversation with one agent, as LoomEx's `start_agent`. */
import type { AgentSession } from './agent-session.ts'
import type { Agent } from './agent.ts'
import { Loom, type LoomOptions } from './loom.ts'

export interface StartAgentOptions extends Omit<LoomOptions, 'agents' | 'defaultAgent'> {
  /** Names the conversation in the store; a known one is carried on. @defaultValue a new one */
  id?: string
}

/**
 * A conversation that behaves like a GenServer: `call` waits for the answer, `cast` only until the
 * message is accepted, `stream` gives the events, `stop` ends the turn, `messages` is the history.
 *
 * ```ts
 * const session = startAgent(tutor)
 * const { text } = await session.call('What is 2 + 2?')
 * ```
 *
 * In memory it lives as long as the process. With a Redis store any process that starts the same
 * agent on the same store and id carries it on, also a turn whose process died.
 */
export function startAgent(agent: Agent<never>, options: StartAgentOptions = {}): AgentSession {
  const { id, ...rest } = options
  return new Loom({ ...rest, agents: [agent] }).startAgent(agent.name, id)
}
