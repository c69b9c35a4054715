/** The options of the methods of an `AgentSession`. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { OptionsArgument } from '../context-option.ts'
import type { FieldsOf } from '../ground/known-fields.ts'
import type { FollowScope } from '../session/session-follower.ts'
import type { SessionHost } from '../session/session-host.ts'
import type { WhenBusy } from '../store/letter.ts'

/** The owner of the sessions of a process: a `Loom`. */
export interface ClosableHost extends SessionHost {
  /** Hands running turns over to the other instances on the store, and closes the store. */
  close: () => Promise<void>
}

export interface AgentSessionOptions {
  /** The id of the conversation in the store. @defaultValue a random UUID */
  id?: string
  /** The user or the tenant to whom the conversation belongs. @defaultValue '' */
  principal?: string
  loom: ClosableHost
  /** The context of each message that brings none. @defaultValue none */
  context?: unknown
  /** The first messages of the conversation if the store does not have it yet. @defaultValue none */
  seed?: readonly UIMessage[]
}

/** The option of every method that waits. */
export interface WaitOptions {
  /** Ends the wait of the caller. The turn continues. @defaultValue none */
  signal?: AbortSignal
}

export interface DecisionOptions extends WaitOptions {
  /** The reason of the decision. The model receives it with a refusal. @defaultValue none */
  reason?: string
}

export interface FollowOptions extends WaitOptions {
  /**
   * The end of the loop. `session`: the caller leaves it, or the signal aborts. `queue`: no turn runs and no
   * message waits; then the loop has neither `data-user-message` nor `data-queue`. @defaultValue 'session'
   */
  scope?: FollowScope
}

export interface HistoryOptions {
  /**
   * Whether the messages in the queue follow, with `queued` in their metadata. They do not count for `limit`,
   * and do not follow a part that `before` ends. @defaultValue false
   */
  queued?: boolean
  /**
   * The maximum number of messages, from 1 to 1000: the last ones of the history, or the last ones before `before`.
   * @defaultValue the whole history; 1000 with `before`
   */
  limit?: number
  /**
   * The id of a message. The result then has the messages before it.
   * @defaultValue none: the messages at the end of the history
   */
  before?: string
}

export interface PromptOptions {
  /**
   * The context of the next message.
   * @defaultValue that of the turn that runs or waits, or else the last one of the session
   */
  context?: JSONObject
}

/**
 * The options of `AgentSession.call`, `cast`, `send`, `stream`, `edit` and `regenerate`.
 * @example
 * ```ts
 * import type { SendOptions } from 'loomkit'
 *
 * const options: SendOptions = { whenBusy: 'reject', signal: AbortSignal.timeout(30_000) }
 * ```
 */
export interface SendOptions<CONTEXT = undefined> extends WaitOptions {
  /** The effect of the message on a turn that runs. @defaultValue 'queue' */
  whenBusy?: WhenBusy
  /**
   * The context of the agent's callbacks and tools. The store keeps it as JSON. It is required if the agent
   * has a context and `startAgent` has not set one. If the type of the agent does not say which (`never`), any
   * value is taken.
   * @defaultValue the context of `startAgent`, or the session's last context, or `{}`
   */
  context?: [CONTEXT] extends [never] ? unknown : CONTEXT
  /** The model of the answer, one of the agent's `models`. @defaultValue the agent's `model` */
  model?: string
  /**
   * Identifies a message that is sent again, as the `Idempotency-Key` header does: with the same key and
   * content, the session answers once. @defaultValue the id of the message
   */
  idempotencyKey?: string
}

/** The fields of `SendOptions`. */
export const sendFields: FieldsOf<SendOptions> = {
  signal: true,
  whenBusy: true,
  context: true,
  model: true,
  idempotencyKey: true,
}

/** The last parameter of the methods that send a message. It is required if each message needs a context. */
export type SendArguments<CONTEXT> = OptionsArgument<Omit<SendOptions, 'context'>, CONTEXT>

/**
 * The options of `AgentSession.sendAfter` and `schedule`.
 * @example
 * ```ts
 * import type { ScheduleOptions } from 'loomkit'
 *
 * const options: ScheduleOptions = { id: 'tea' }
 * ```
 */
export interface ScheduleOptions<CONTEXT = undefined> extends Pick<
  SendOptions<CONTEXT>,
  'context' | 'model'
> {
  /**
   * Identifies the schedule: a second call with the same id and content changes nothing.
   * @defaultValue a random UUID
   */
  id?: string
}

/** The fields of `ScheduleOptions`. */
export const scheduleFields: FieldsOf<ScheduleOptions> = { context: true, model: true, id: true }

export type ScheduleArguments<CONTEXT> = OptionsArgument<Omit<ScheduleOptions, 'context'>, CONTEXT>
