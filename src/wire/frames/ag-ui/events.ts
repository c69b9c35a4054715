/**
 * The events and messages of AG-UI 1.0 that Loom sends (https://docs.ag-ui.com/spec/1.0). A test compares them with the
 * types of `@ag-ui/client`.
 */

/** The version of the protocol that `RUN_STARTED` declares. */
export const agUiVersion = '1.0'

/**
 * Data of Loom beside the fields of the protocol. `isError` is true for the result of a call that failed or was refused, and
 * `id` is that of a data part. An interface would not fit the open metadata of the protocol.
 */
export type AgUiMetadata = { loom: { isError?: true; id?: string } }

export interface AgUiCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export type AgUiSource =
  | { type: 'data'; value: string; mimeType: string }
  | { type: 'url'; value: string; mimeType: string }

export type AgUiPart =
  | { type: 'text'; text: string }
  | { type: 'image' | 'audio' | 'video' | 'document'; source: AgUiSource }

export interface AgUiToolMessage {
  id: string
  role: 'tool'
  toolCallId: string
  content: string
  metadata?: AgUiMetadata
}

export type AgUiMessage =
  | { id: string; role: 'system' | 'developer'; content: string }
  | { id: string; role: 'user'; content: string | AgUiPart[] }
  | { id: string; role: 'assistant'; content?: string; toolCalls?: AgUiCall[] }
  | { id: string; role: 'reasoning'; content: string }
  | AgUiToolMessage

export interface AgUiInterrupt {
  /** The id of an approval request, or of the call that waits for an answer. */
  id: string
  reason: 'tool_call' | 'input_required'
  message: string
  toolCallId: string
  responseSchema: Record<string, unknown>
}

export type AgUiOutcome =
  | { type: 'success'; pendingToolCallIds?: string[] }
  | { type: 'interrupt'; interrupts: AgUiInterrupt[] }
  | { type: 'cancelled' }

export interface AgUiUsage {
  provider?: string
  model?: string
  inputTokens: number
  outputTokens: number
  totalTokens: number
  reasoningTokens?: number
  cachedInputTokens?: number
}

interface OfMessage {
  messageId: string
}

interface OfCall {
  toolCallId: string
}

interface WithDelta {
  delta: string
}

interface OfRun {
  threadId: string
  runId: string
}

export type AgUiEvent =
  | ({ type: 'RUN_STARTED'; protocolVersion: typeof agUiVersion; parentRunId?: string } & OfRun)
  | ({
      type: 'RUN_FINISHED'
      outcome: AgUiOutcome
      result?: unknown
      usage?: AgUiUsage[]
    } & OfRun)
  | { type: 'RUN_ERROR'; message: string; code?: string }
  | { type: 'STEP_STARTED' | 'STEP_FINISHED'; stepName: string }
  | ({ type: 'TEXT_MESSAGE_START'; role: 'assistant' } & OfMessage)
  | ({ type: 'TEXT_MESSAGE_CONTENT' } & OfMessage & WithDelta)
  | ({ type: 'TEXT_MESSAGE_END' } & OfMessage)
  | ({ type: 'REASONING_START' } & OfMessage)
  | ({ type: 'REASONING_MESSAGE_START'; role: 'reasoning' } & OfMessage)
  | ({ type: 'REASONING_MESSAGE_CONTENT' } & OfMessage & WithDelta)
  | ({ type: 'REASONING_MESSAGE_END' } & OfMessage)
  | ({ type: 'REASONING_END' } & OfMessage)
  | ({ type: 'TOOL_CALL_START'; toolCallName: string; parentMessageId: string } & OfCall)
  | ({ type: 'TOOL_CALL_ARGS' } & OfCall & WithDelta)
  | ({ type: 'TOOL_CALL_END' } & OfCall)
  | ({ type: 'TOOL_CALL_RESULT'; role: 'tool'; content: string; metadata?: AgUiMetadata } & OfCall &
      OfMessage)
  | { type: 'STATE_SNAPSHOT'; snapshot: unknown }
  | { type: 'MESSAGES_SNAPSHOT'; messages: AgUiMessage[] }
  | { type: 'CUSTOM'; name: string; value: unknown; metadata?: AgUiMetadata }
