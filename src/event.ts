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
  /** Data of the provider, by its name. The next request returns it. Absent if there is none. */
  providerMetadata?: ProviderMetadata
}

interface OfPart extends WithMetadata {
  /** The id of the part, unique in its message. */
  id: string
}

interface OfDelta extends OfPart {
  /** The next piece of the text. */
  delta: string
}

/** Text and reasoning parts: `start`, `delta`, `end`. */
export type PartEvent =
  | ({ type: 'text-start' } & OfPart)
  | ({ type: 'text-end' } & OfPart)
  | ({ type: 'text-delta' } & OfDelta)
  | ({ type: 'reasoning-start' } & OfPart)
  | ({ type: 'reasoning-end' } & OfPart)
  | ({ type: 'reasoning-delta' } & OfDelta)

interface OfCall {
  /** The id of the tool call. All events of the call have it. */
  toolCallId: string
}

export interface OfTool extends OfCall, WithMetadata {
  /**
   * True on every event of a tool whose type the client cannot know (MCP tools, unknown tools).
   * ai 5 looks a part up by this flag, so it is the same on all events of one call.
   */
  dynamic?: boolean
  /** True if the provider ran the tool. Absent for a tool of the agent. */
  providerExecuted?: boolean
}

export interface OfNamedTool extends OfTool {
  /** The name of the tool, as the model wrote it. */
  toolName: string
  /** The name of the tool for people. Absent if it has none. */
  title?: string
}

interface WithInput {
  /** The input as the model wrote it, before the schema of the tool. It is the raw text if it is not JSON. */
  input: unknown
}

interface WithError {
  /** The message of the error, without secrets. */
  errorText: string
}

interface OfApproval {
  /** The id of the approval request. The decision names it. */
  approvalId: string
}

interface Decision extends OfApproval {
  /** Whether the call may run. */
  approved: boolean
  /** The reason of the decision. Absent if the human gave none. */
  reason?: string
}

interface InputDelta extends OfCall {
  /** The next piece of the input, as JSON text. */
  inputTextDelta: string
}

interface ToolOutput extends OfTool {
  /** The output of the call: a JSON value. */
  output: unknown
  /** True for an output that a later one replaces. The final output has no such flag. */
  preliminary?: boolean
}

/**
 * The events of a tool call. `tool-input-error`: the model's input was refused. `tool-approval-response`: the
 * decision of the human, which only clients of ai 7 support. `tool-output-denied`: the call was refused, and
 * readers of ai 5 receive an error event instead.
 */
export type ToolEvent =
  | ({ type: 'tool-input-start' } & OfNamedTool)
  | ({ type: 'tool-input-delta' } & InputDelta)
  | ({ type: 'tool-input-available' } & WithInput & OfNamedTool)
  | ({ type: 'tool-input-error' } & WithInput & WithError & OfNamedTool)
  | ({ type: 'tool-output-available' } & ToolOutput)
  | ({ type: 'tool-output-error' } & WithError & OfTool)
  | ({ type: 'tool-approval-request' } & OfApproval & OfCall)
  | ({ type: 'tool-approval-response' } & Decision)
  | ({ type: 'tool-output-denied' } & Pick<OfTool, 'toolCallId' | 'dynamic'>)

interface OfFile extends WithMetadata {
  /** The address of the file. It is a `data:` URL if the model generated the file. */
  url: string
  /** The media type, such as `image/png`. */
  mediaType: string
}

interface OfSource extends WithMetadata {
  /** The id of the source, unique in its message. */
  sourceId: string
}

interface WebSource extends OfSource {
  /** The address of the source. */
  url: string
  /** The title of the source. Absent if the provider reports none. */
  title?: string
}

interface DocumentSource extends OfSource {
  /** The media type, such as `application/pdf`. */
  mediaType: string
  /** The title of the document. */
  title: string
  /** The name of the file. Absent if the provider reports none. */
  filename?: string
}

interface CustomContent extends WithMetadata {
  /** The kind of the content, as the package of the provider names it. */
  kind: string
}

interface DataPart {
  /** The name of the data: `data-` and a word, such as `data-output`. */
  type: `data-${string}`
  /** The data: a JSON value. */
  data: unknown
  /** The id of the data. A later event with the same id replaces it. Absent if none does. */
  id?: string
  /** True for data that only the present readers receive. The message does not keep it. */
  transient?: boolean
}

/** Content that is neither text nor a tool call: files, sources, and data of Loom or of the provider. */
export type ContentEvent =
  | ({ type: 'file' } & OfFile)
  | ({ type: 'reasoning-file' } & OfFile)
  | ({ type: 'source-url' } & WebSource)
  | ({ type: 'source-document' } & DocumentSource)
  | ({ type: 'custom' } & CustomContent)
  | DataPart

interface MessageMetadata {
  /** Metadata that is merged into that of the message; see `AnswerMetadata`. */
  messageMetadata: unknown
}

interface MessageStart extends Partial<MessageMetadata> {
  /** The id of the assistant message that the events build. */
  messageId?: string
}

interface Abort {
  /** The reason of the stop. Absent if the caller gave none. */
  reason?: string
}

interface Failure extends WithError {
  /** The code of the `LoomError`. Clients of the AI SDK do not receive it. Absent if it is not known. */
  code?: string
}

interface Finish extends Partial<MessageMetadata> {
  /** The reason for the end of the last model call. */
  finishReason: FinishReason
}

/**
 * The events of the turn and its steps. Every turn ends with `finish`. `reset-step` withdraws the step, which
 * runs again; only clients of ai 7.0.70 and later support it.
 */
export type TurnEvent =
  | ({ type: 'start' } & MessageStart)
  | { type: 'start-step' }
  | { type: 'finish-step' }
  | { type: 'reset-step' }
  | ({ type: 'message-metadata' } & MessageMetadata)
  | ({ type: 'abort' } & Abort)
  | ({ type: 'error' } & Failure)
  | ({ type: 'finish' } & Finish)

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
  /** The id of the call that runs the step. */
  toolCallId: string
  /** The name of the step, unique in its call. */
  name: string
  /** The result of the step: a JSON value. Absent if it is undefined. */
  output?: JSONValue
}

/** An event in the log of a turn. */
export type LogEvent = AgentEvent | StepRecord

/** Whether clients may receive an event of a log. */
export const isForClients = (event: LogEvent): event is AgentEvent => event.type !== 'tool-step'

/** The events of one `type`. */
export type EventOf<TYPE extends AgentEvent['type']> = Extract<AgentEvent, { type: TYPE }>
