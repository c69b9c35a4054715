/** A response in the form of OpenAI's Responses API. */
import type { ResponseFold } from '../../src/wire/frames/response-fold.ts'
import type { ResponseUsage } from '../../src/wire/frames/response-usage.ts'
import { isStructured, type ResponseBody } from './response-body.ts'

/** The part of a response that its request decides. */
export type ResponseSettings = Pick<
  ResponseObject,
  | 'instructions'
  | 'metadata'
  | 'parallel_tool_calls'
  | 'temperature'
  | 'tool_choice'
  | 'tools'
  | 'top_p'
  | 'max_output_tokens'
  | 'previous_response_id'
  | 'conversation'
  | 'text'
  | 'store'
>

/** What a response is, apart from its settings and its answer. */
export interface ResponseIdentity {
  id: string
  /** The name of the agent. */
  model: string
  /** In seconds since 1970. */
  created_at: number
  background: boolean
}

export type ResponseStatus =
  | 'queued'
  | 'in_progress'
  | 'completed'
  | 'incomplete'
  | 'failed'
  | 'cancelled'

/** A test compares it with the type of OpenAI's client. */
export interface ResponseObject extends ResponseIdentity {
  object: 'response'
  status: ResponseStatus
  error: { code: 'server_error'; message: string } | null
  incomplete_details: { reason: 'max_output_tokens' | 'content_filter' } | null
  instructions: string | null
  metadata: Record<string, string> | null
  output: ResponseFold['items']
  parallel_tool_calls: boolean
  temperature: number | null
  tool_choice: 'none' | 'auto' | 'required' | { type: 'function'; name: string }
  tools: {
    type: 'function'
    name: string
    description: string | null
    parameters: Record<string, unknown> | null
    strict: boolean | null
  }[]
  top_p: number | null
  max_output_tokens: number | null
  previous_response_id: string | null
  conversation: { id: string } | null
  text: { format: TextFormat }
  store: boolean
  truncation: 'disabled'
  access_programs: null
  usage?: ResponseUsage
}

type TextFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | { type: 'json_schema'; name: string; schema: Record<string, unknown> }

/** The settings that a later request for the response returns. Loom stores no others. */
export interface StoredSettings {
  metadata: Record<string, string>
  /** The session, if the request named it. */
  conversation: string | undefined
  previous: string | null
}

export const storedSettings = ({
  metadata,
  conversation,
  previous,
}: StoredSettings): ResponseSettings => ({
  instructions: null,
  metadata,
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  max_output_tokens: null,
  previous_response_id: previous,
  conversation: conversation === undefined ? null : { id: conversation },
  text: { format: { type: 'text' } },
  store: true,
})

/** @param conversation the session that the request named */
export function settingsOf(body: ResponseBody, conversation: string | undefined): ResponseSettings {
  const { tool_choice: choice } = body
  return {
    ...storedSettings({
      metadata: body.metadata ?? {},
      conversation,
      previous: body.previous_response_id ?? null,
    }),
    instructions: body.instructions ?? null,
    temperature: body.temperature ?? null,
    tool_choice:
      typeof choice === 'object' && choice !== null
        ? { type: 'function', name: choice.name }
        : (choice ?? 'auto'),
    tools: (body.tools ?? []).map(({ name, description, parameters, strict }) => ({
      type: 'function',
      name,
      description: description ?? null,
      parameters: parameters ?? null,
      strict: strict ?? null,
    })),
    top_p: body.top_p ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    text: { format: formatOf(body) },
    store: body.store !== false,
  }
}

function formatOf(body: ResponseBody): TextFormat {
  const format = body.text?.format
  if (!isStructured(body) || format?.type === undefined || format === null) return { type: 'text' }
  return format.type === 'json_schema'
    ? { type: 'json_schema', name: format.name ?? '', schema: format.schema ?? {} }
    : { type: format.type }
}

/**
 * @param fold the answer so far
 * @param waits whether the turn of the answer has not begun
 */
export function responseObject(
  identity: ResponseIdentity,
  settings: ResponseSettings,
  { fold, waits = false }: { fold: ResponseFold; waits?: boolean },
): ResponseObject {
  const { end } = fold
  const failure = end?.failure
  const reason = end?.incompleteReason
  return {
    id: identity.id,
    object: 'response',
    created_at: identity.created_at,
    status: end?.status ?? (waits ? 'queued' : 'in_progress'),
    background: identity.background,
    error: failure === undefined ? null : { code: 'server_error', message: failure.message },
    incomplete_details: reason === undefined ? null : { reason },
    ...settings,
    model: identity.model,
    output: fold.items,
    truncation: 'disabled',
    access_programs: null,
    ...(end?.usage !== undefined && { usage: end.usage }),
  }
}
