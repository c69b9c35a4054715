/**
 * The output items of a response of OpenAI's Responses API, as far as Loom makes them. A test compares them with the types
 * of OpenAI's client.
 */

export interface OutputText {
  type: 'output_text'
  text: string
  annotations: never[]
  logprobs: never[]
}

export interface MessageItem {
  id: string
  type: 'message'
  role: 'assistant'
  status: 'in_progress' | 'completed' | 'incomplete'
  content: OutputText[]
}

export interface SummaryText {
  type: 'summary_text'
  text: string
}

export interface ReasoningItem {
  id: string
  type: 'reasoning'
  status: 'in_progress' | 'completed' | 'incomplete'
  summary: SummaryText[]
}

/** A call that waits for the client. */
export interface FunctionCallItem {
  id: string
  type: 'function_call'
  status: 'in_progress' | 'completed'
  call_id: string
  name: string
  arguments: string
}

/** A call that Loom ran. The API has this type for tools that the server runs. */
export interface McpCallItem {
  id: string
  type: 'mcp_call'
  status: 'in_progress' | 'completed' | 'failed'
  /** The name of the agent. */
  server_label: string
  name: string
  arguments: string
  output: string | null
  error: { type: 'mcp_tool_execution_error'; content: { type: 'text'; text: string }[] } | null
  approval_request_id: string | null
}

/** A call that waits for the decision of a human. */
export interface McpApprovalRequestItem {
  id: string
  type: 'mcp_approval_request'
  server_label: string
  name: string
  arguments: string
}

export type OutputItem =
  | MessageItem
  | ReasoningItem
  | FunctionCallItem
  | McpCallItem
  | McpApprovalRequestItem

export const outputText = (text: string): OutputText => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
})

/** The prefixes of the ids of items, as those of OpenAI. The id of an approval request is that of Loom. */
export const itemPrefixes = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  mcp_call: 'mcp',
} as const satisfies Partial<Record<OutputItem['type'], string>>

export type NumberedType = keyof typeof itemPrefixes
