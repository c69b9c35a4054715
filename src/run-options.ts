/** The options of a run. */
import type { TimeLimits } from './agent.ts'
import type { AnswerSettings } from './answer-settings.ts'
import type { Clock } from './ground/clock.ts'
import type { FieldsOf } from './ground/known-fields.ts'
import type { ModelReference, Models } from './model.ts'
import type { Ledger } from './runner/ledger.ts'
import type { RunCaller } from './runner/run-telemetry.ts'
import type { SessionHooks } from './runner/session-hooks.ts'
import type { Sink } from './sink.ts'

/** Options with required models: modules below the library's entry choose no providers. */
export type WithModels<OPTIONS extends { models?: Models }> = OPTIONS & { models: Models }

/** The message of the outermost run, in its session if it has one. */
export interface RootMessage {
  sessionId: string | undefined
  messageId: string
  /** The calls above a run: the beginning of the ids of the data parts that its tools write. */
  callPath: string
}

/**
 * The options of `run`. `stream` takes all of them but `sink`. `CONTEXT` is the context of the agent: `run`
 * requires the option `context` if the agent has one.
 * @example
 * ```ts
 * import { defineAgent, run, type RunOptions } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const options: RunOptions = { signal: AbortSignal.timeout(60_000), limits: { stepMs: 30_000 } }
 * const { text } = await run(agent, 'What is 2 + 2?', options)
 * ```
 */
export interface RunOptions<CONTEXT = undefined> {
  /** Receives the events as they happen. @defaultValue ignores them */
  sink?: Sink
  /** The value that every callback and tool receives. @defaultValue undefined */
  context?: CONTEXT
  /**
   * The user or the tenant for whom the agent runs, as tools receive it in `context.principal`. A session has
   * its own principal. @defaultValue ''
   */
  principal?: string
  /**
   * Aborts the run: the model call and the tools stop, and `run` rejects with `aborted`. The `result` of
   * the error holds the text and the steps up to then. @defaultValue none
   */
  signal?: AbortSignal
  /** A model, or a list of fallbacks, instead of the agent's. @defaultValue the agent's `model` */
  model?: ModelReference | readonly ModelReference[]
  /** Resolves model strings. @defaultValue the providers of the environment */
  models?: Models
  /** The model if neither the run nor the agent names one. @defaultValue none */
  defaultModel?: ModelReference
  /** The id of the assistant message that the events build. @defaultValue a random UUID */
  messageId?: string
  /**
   * The treatment of a partial step whose model stream broke: `reset` withdraws it (clients of ai
   * 7.0.70 and later), `continue` keeps it and lets the model continue. @defaultValue 'reset'
   */
  recovery?: 'reset' | 'continue'
  /** If false, calls that need an approval are refused. @defaultValue true */
  approvals?: boolean
  /** If false, calls of client-side tools are refused. @defaultValue true */
  clientTools?: boolean
  /** The time limits of model calls. The agent's limits override them. @defaultValue those of `TimeLimits` */
  limits?: Partial<TimeLimits>
  /**
   * The time of the run: its time limits, its pauses before retries, and the durations that it reports. A
   * test passes `fakeClock()` of `loomkit/testing`. @defaultValue the clock of the process
   */
  clock?: Clock
  /**
   * The settings that a client asked for. Loom sets them. @defaultValue those of the agent
   * @internal
   */
  asked?: AnswerSettings
  /**
   * The session of this turn. Loom sets it. It holds the history, so approvals in it count without a check.
   * @defaultValue none
   * @internal
   */
  session?: SessionHooks
  /**
   * The number of agents above this one. Loom sets it for sub-agents. @defaultValue 0
   * @internal
   */
  depth?: number
  /**
   * The message whose tool call runs this agent. Loom sets it for sub-agents. @defaultValue none
   * @internal
   */
  rootMessage?: RootMessage
  /**
   * The ledger of the run that called this one as a tool. It also counts this run. @defaultValue none
   * @internal
   */
  above?: Ledger
  /**
   * The tool call that runs this agent. Loom sets it for sub-agents. @defaultValue none
   * @internal
   */
  caller?: RunCaller
}

/** The fields of `RunOptions`. */
export const runOptionFields: FieldsOf<RunOptions> = {
  sink: true,
  context: true,
  principal: true,
  signal: true,
  model: true,
  models: true,
  defaultModel: true,
  messageId: true,
  recovery: true,
  approvals: true,
  clientTools: true,
  limits: true,
  clock: true,
  asked: true,
  session: true,
  depth: true,
  rootMessage: true,
  above: true,
  caller: true,
}
