/** The options of the methods of an `AgentSession`. */
import type { UIMessage } from 'ai'

import type { OptionsArgument } from '../context-option.ts'
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
   * has a context and `startAgent` has not set one.
   * @defaultValue the context of `startAgent`, or the session's last context, or `{}`
   */
  context?: CONTEXT
  /** The model of the answer, one of the agent's `models`. @defaultValue the agent's `model` */
  model?: string
  /**
   * Identifies a message that is sent again, as the `Idempotency-Key` header does: with the same key and
   * content, the session answers once. @defaultValue the id of the message
   */
  idempotencyKey?: string
}

export type SendArguments<CONTEXT> = OptionsArgument<Omit<SendOptions, 'context'>, CONTEXT>
