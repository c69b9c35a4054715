/**
 * The events of a turn, as one closed union. Names and fields are those of the AI SDK's UI message
 * chunks (vercel/ai, `packages/ai/src/ui-message-stream/ui-message-chunks.ts`), so they are sent
 * without translation. A profile only leaves out fields and events that an older client cannot read.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'

/** Provider-specific data of a part, by provider name. */
export type ProviderMetadata = Record<string, JSONObject>

/**
 * The reason for the end of a model call or a turn. Every AI SDK major accepts these six.
 * @example
 * ```ts
 * import { defineAgent, type FinishReason, run } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { finishReason } = await run(agent, 'What is 2 + 2?')
 * const complete: FinishReason = 'stop'
 * const isCutOff = finishReason !== complete
 * ```
 */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'

interface WithMetadata {
  providerMetadata?: ProviderMetadata
}

export interface OfTool extends WithMetadata {
  toolCallId: string
  /**
   * True on every event of a tool whose type the client cannot know (MCP tools, unknown tools).
   * ai 5 looks a part up by this flag, so it is the same on all events of one call.
   */
  dynamic?: boolean
  providerExecuted?: boolean
}

/** Text and reasoning parts: `start`, `delta`, `end`. Ids are unique in a message. */
export type PartEvent =
  | ({ type: 'text-start'; id: string } & WithMetadata)
  | ({ type: 'text-end'; id: string } & WithMetadata)
  | ({ type: 'text-delta'; id: string; delta: string } & WithMetadata)
  | ({ type: 'reasoning-start'; id: string } & WithMetadata)
  | ({ type: 'reasoning-end'; id: string } & WithMetadata)
  | ({ type: 'reasoning-delta'; id: string; delta: string } & WithMetadata)

export type ToolEvent =
  | ({ type: 'tool-input-start'; toolName: string; title?: string } & OfTool)
  | { type: 'tool-input-delta'; toolCallId: string; inputTextDelta: string }
  | ({ type: 'tool-input-available'; toolName: string; input: unknown; title?: string } & OfTool)
  /** The model's input was refused. `input` is the raw text if it was not JSON. */
  | ({
      type: 'tool-input-error'
      toolName: string
      input: unknown
      errorText: string
      title?: string
    } & OfTool)
  /** `preliminary` outputs overwrite each other. The final one has no such flag. */
  | ({ type: 'tool-output-available'; output: unknown; preliminary?: boolean } & OfTool)
  | ({ type: 'tool-output-error'; errorText: string } & OfTool)
  | { type: 'tool-approval-request'; approvalId: string; toolCallId: string }
  /** The decision of the human. Only clients of ai 7 support it. */
  | { type: 'tool-approval-response'; approvalId: string; approved: boolean; reason?: string }
  /** `dynamic` as on the other events of the call. Readers of ai 5 receive an error event instead. */
  | { type: 'tool-output-denied'; toolCallId: string; dynamic?: boolean }

export type ContentEvent =
  | ({ type: 'file'; url: string; mediaType: string } & WithMetadata)
  | ({ type: 'reasoning-file'; url: string; mediaType: string } & WithMetadata)
  | ({ type: 'source-url'; sourceId: string; url: string; title?: string } & WithMetadata)
  | ({
      type: 'source-document'
      sourceId: string
      mediaType: string
      title: string
      filename?: string
    } & WithMetadata)
  | ({ type: 'custom'; kind: string } & WithMetadata)
  | { type: `data-${string}`; data: unknown; id?: string; transient?: boolean }

export type TurnEvent =
  | { type: 'start'; messageId?: string; messageMetadata?: unknown }
  | { type: 'start-step' }
  | { type: 'finish-step' }
  /** Withdraws the step, which runs again. Only clients of ai 7.0.70 and later support it. */
  | { type: 'reset-step' }
  | { type: 'message-metadata'; messageMetadata: unknown }
  | { type: 'abort'; reason?: string }
  /** `code` is the code of the `LoomError`, which no client of the AI SDK receives. */
  | { type: 'error'; errorText: string; code?: string }
  | { type: 'finish'; finishReason: FinishReason; messageMetadata?: unknown }

/**
 * An event of a run. Sinks receive these events, and clients receive them as chunks. The names and fields are
 * those of the AI SDK's UI message chunks (vercel/ai, `ui-message-chunks.ts`).
 * @example
 * ```ts
 * import type { AgentEvent } from 'loomkit'
 *
 * const textOf = (event: AgentEvent) => (event.type === 'text-delta' ? event.delta : '')
 * ```
 */
export type AgentEvent = PartEvent | ToolEvent | ContentEvent | TurnEvent

/**
 * The result of a finished step inside a tool call (`ToolContext.step`). Only logs have it: no client
 * receives it, and no message contains it. A call that runs again after the death of its process does
 * not repeat the step. Without `output` the result is undefined.
 */
export interface StepRecord {
  type: 'tool-step'
  toolCallId: string
  name: string
  output?: JSONValue
}

/** An event in the log of a turn. */
export type LogEvent = AgentEvent | StepRecord

/** Whether clients may receive an event of a log. */
export const isForClients = (event: LogEvent): event is AgentEvent => event.type !== 'tool-step'

/** The events of one `type`. */
export type EventOf<TYPE extends AgentEvent['type']> = Extract<AgentEvent, { type: TYPE }>
