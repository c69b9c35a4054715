/** One reply of a scripted model, and the parts that a provider would stream for it. */
import {
  APICallError,
  type LanguageModelV4FinishReason,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import { shorten } from '../ground/cut-text.ts'
import { callParts, finishPart, textParts } from '../model/reply-parts.ts'

/**
 * A tool call of a scripted reply.
 * @example
 * ```ts
 * import type { ScriptedCall } from 'loomkit/testing'
 *
 * const forecast: ScriptedCall = { toolName: 'weather', input: { city: 'Oslo' } }
 * const malformed: ScriptedCall = { toolName: 'weather', input: '{"city": ' }
 * ```
 */
export interface ScriptedCall {
  /** The name of the tool. The agent may lack it. */
  toolName: string
  /** The input. A string is sent as it is, so that it may be malformed JSON. */
  input: unknown
  /**
   * The id of the call.
   * @defaultValue `call-1`, `call-2` and so on, counted over all replies of the model
   */
  toolCallId?: string
}

/**
 * A failure of a scripted model.
 * @example
 * ```ts
 * import { type ScriptedFailure, scriptedModel } from 'loomkit/testing'
 *
 * const overloaded: ScriptedFailure = { status: 503, retryAfterMs: 2000 }
 * const model = scriptedModel([{ error: overloaded }, 'The second attempt answers.'])
 * ```
 */
export interface ScriptedFailure {
  /** The text of the error. @defaultValue 'The scripted model failed.' */
  message?: string
  /** The HTTP status of the provider. @defaultValue none: the connection broke */
  status?: number
  /** If true, the runner repeats the call. @defaultValue true, except for a status 4xx other than 408, 409, 429 */
  retryable?: boolean
  /** The wait that the provider asks for, in milliseconds. @defaultValue none */
  retryAfterMs?: number
}

/**
 * One reply of a scripted model. Its content comes in the order reasoning, text, tool calls, `parts`; then
 * `hangs` or `error`, or the end of the reply.
 * @example
 * ```ts
 * import { type ScriptedReply, scriptedModel } from 'loomkit/testing'
 *
 * const asks: ScriptedReply = { toolCalls: [{ toolName: 'weather', input: { city: 'Oslo' } }] }
 * const breaks: ScriptedReply = { text: 'It r', error: { message: 'The connection broke.' } }
 * const model = scriptedModel([asks, breaks, { text: 'It rains.', usage: { inputTokens: 90 } }])
 * ```
 */
export interface ScriptedReply {
  /** The reasoning before the text. @defaultValue none */
  reasoning?: string
  /** The text of the reply. @defaultValue none */
  text?: string
  /** The tool calls after the text. @defaultValue none */
  toolCalls?: readonly ScriptedCall[]
  /** Other parts of the AI SDK's stream, such as files and sources. @defaultValue none */
  parts?: readonly LanguageModelV4StreamPart[]
  /**
   * The reason for the end of the reply.
   * @defaultValue 'tool-calls' if there are tool calls, otherwise 'stop'
   */
  finishReason?: LanguageModelV4FinishReason['unified']
  /** The tokens that the reply reports. @defaultValue 10 input tokens and 5 output tokens */
  usage?: ScriptedUsage
  /** The number of characters in each chunk of a text. @defaultValue one word in each chunk */
  chunkSize?: number
  /** The time before the first part, in milliseconds of the model's clock. @defaultValue 0 */
  delayMs?: number
  /** The time between two chunks, in milliseconds of the model's clock. @defaultValue 0 */
  chunkDelayMs?: number
  /** If true, nothing follows the content until the call is aborted. @defaultValue false */
  hangs?: boolean
  /** Fails after the content. Without content, the call is rejected. @defaultValue none */
  error?: Error | ScriptedFailure
}

/**
 * The tokens that a scripted reply reports.
 * @example
 * ```ts
 * import { scriptedModel, type ScriptedUsage } from 'loomkit/testing'
 *
 * const usage: ScriptedUsage = { inputTokens: 1200, outputTokens: 80, cachedInputTokens: 1000 }
 * const model = scriptedModel([{ text: 'Hello.', usage }])
 * ```
 */
export interface ScriptedUsage {
  /** All prompt tokens, including cached ones. @defaultValue 10 */
  inputTokens?: number
  /** All generated tokens, including reasoning. @defaultValue 5 */
  outputTokens?: number
  /** The input tokens that came from a cache. @defaultValue 0 */
  cachedInputTokens?: number
  /** The output tokens of the reasoning. @defaultValue 0 */
  reasoningTokens?: number
}

/** Returns the parts of the content, without the end. */
export function contentParts(
  reply: ScriptedReply,
  nextCallId: () => string,
): LanguageModelV4StreamPart[] {
  const { reasoning, text, toolCalls = [], parts: others = [], chunkSize } = reply
  const streamed = (type: 'text' | 'reasoning', content: string | undefined) =>
    content === undefined ? [] : textParts(type, type, chunksOf(content, chunkSize))
  const calls = toolCalls.flatMap(({ input: value, ...call }) => {
    const input = typeof value === 'string' ? value : (JSON.stringify(value) ?? '{}')
    const toolCallId = call.toolCallId ?? nextCallId()
    return callParts({ ...call, toolCallId }, chunksOf(input, chunkSize))
  })
  const parts = [...streamed('reasoning', reasoning), ...streamed('text', text), ...calls]
  // A reply that breaks or hangs leaves its last text open, as a provider does.
  const isWhole = reply.error === undefined && reply.hangs !== true
  const isTextLast = calls.length === 0 && others.length === 0
  return [...parts.slice(0, isTextLast && !isWhole ? -1 : undefined), ...others]
}

/** Returns the last part. */
export function endPart({ finishReason, toolCalls = [], usage = {} }: ScriptedReply) {
  const { inputTokens = 10, outputTokens = 5, cachedInputTokens = 0, reasoningTokens = 0 } = usage
  return finishPart(finishReason ?? (toolCalls.length > 0 ? 'tool-calls' : 'stop'), {
    input: inputTokens,
    output: outputTokens,
    cached: cachedInputTokens,
    reasoning: reasoningTokens,
  })
}

/** Returns the failure as a provider package throws it. */
export function failureOf(error: Error | ScriptedFailure): Error {
  if (error instanceof Error) return error
  const { message = 'The scripted model failed.', status, retryAfterMs } = error
  return new APICallError({
    message,
    url: 'scripted:',
    requestBodyValues: {},
    isRetryable: error.retryable ?? isTransient(status),
    ...(status !== undefined && { statusCode: status }),
    ...(retryAfterMs !== undefined && { responseHeaders: { 'retry-after-ms': `${retryAfterMs}` } }),
  })
}

const isTransient = (status = 500) => status >= 500 || [408, 409, 429].includes(status)

/** A word has the space after it. A surrogate pair is one character. */
function chunksOf(text: string, size: number | undefined): string[] {
  if (size === undefined) return text.match(/\S*\s*/g)?.filter((word) => word !== '') ?? []
  const characters = Array.from(text)
  const length = Math.max(1, Math.floor(size))
  return Array.from({ length: Math.ceil(characters.length / length) }, (_, index) =>
    characters.slice(index * length, (index + 1) * length).join(''),
  )
}

/** A short description of a reply, for the texts of errors. */
export function summaryOf({
  text,
  reasoning,
  toolCalls = [],
  error,
  hangs,
}: ScriptedReply): string {
  const pieces = [
    ...(text === undefined ? [] : [`text ${short(JSON.stringify(text))}`]),
    ...toolCalls.map(
      ({ toolName, input }) => `call ${toolName} ${short(JSON.stringify(input) ?? '')}`,
    ),
    ...(error === undefined ? [] : [`error ${short(failureOf(error).message)}`]),
    ...(hangs === true ? ['a wait without end'] : []),
  ]
  if (pieces.length > 0) return pieces.join(', ')
  return reasoning === undefined
    ? 'an empty reply'
    : `reasoning ${short(JSON.stringify(reasoning))}`
}

export const short = (text: string): string => shorten(text, 120)
