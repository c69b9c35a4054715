/** The options of a run. */
import type { TimeLimits } from './agent.ts'
import type { ModelReference, Models } from './model.ts'
import type { Ledger } from './runner/ledger.ts'
import type { SessionHooks } from './runner/session-hooks.ts'
import type { Sink } from './sink.ts'

/** Options whose models are given: modules behind the library's entry choose no providers. */
export type WithModels<OPTIONS extends { models?: Models }> = OPTIONS & { models: Models }

export interface RunOptions<CONTEXT = unknown> {
  /** Where the events go as they happen. @defaultValue nowhere */
  sink?: Sink
  /** Handed to every callback and tool. Required by an agent whose callbacks read it. */
  context?: CONTEXT
  /** Aborts the run: model call and tools stop, what was said so far is kept in the error's `result`. */
  signal?: AbortSignal
  /** Used instead of the agent's own model. */
  model?: ModelReference | readonly ModelReference[]
  /** Resolves model strings. @defaultValue the environment's providers */
  models?: Models
  /** Used where neither the run nor the agent names a model. */
  defaultModel?: ModelReference
  /** The id of the assistant message that the events make. @defaultValue a new one */
  messageId?: string
  /**
   * What to do with a partial step whose model stream broke: `reset` withdraws it (clients of ai
   * 7.0.70 and later), `continue` keeps it and lets the model go on. @defaultValue 'reset'
   */
  recovery?: 'reset' | 'continue'
  /** False when nobody can approve: a call that needs it is refused instead. @defaultValue true */
  approvals?: boolean
  /** False when no client runs tools: their calls are refused instead. @defaultValue true */
  clientTools?: boolean
  limits?: Partial<TimeLimits>
  /** Given by a session for its turn. It holds the history, so approvals in it count as they are. */
  session?: SessionHooks
  /** How many agents stand above this one. @defaultValue 0 */
  depth?: number
  /** Of the run that this one is a tool call of: what it spends counts there too. */
  above?: Ledger
}
