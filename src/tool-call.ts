/** The facts of one tool call, below the tools and the hooks that receive them. */
import type { ModelMessage } from 'ai'

/** The part of a `ToolContext` that the hooks of an agent receive too, in a `BeforeToolInfo`. */
export interface ToolCallFacts {
  /** The id of the call. */
  toolCallId: string
  /** The messages of the model call that made this call, without the system prompt. */
  messages: readonly ModelMessage[]
  /** Aborts if the turn is stopped or the time limit of the tool has passed. */
  signal: AbortSignal
  /** The same key for every attempt of this call. Pass it to the service that has the effect. */
  idempotencyKey: string
  /**
   * The id of the conversation over all its turns: the session, or the run if there is no session. The
   * run of a sub-agent is a conversation of its own.
   */
  conversation: string
  /** The user or the tenant to whom the session belongs; '' if there is none. */
  principal: string
  /** The id of the session, as its principal names it. Undefined if there is no session. */
  sessionId: string | undefined
  /** The id of the assistant message to which this call belongs, also for a call of a sub-agent. */
  messageId: string
  /** The name of the agent that made the call. */
  agent: string
  /** The level of the agent: 0 for the agent of the run, 1 for its sub-agents, and so on. */
  depth: number
}
