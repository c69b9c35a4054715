/**
 * Reads one chunk of a streamed answer. Each field is read separately and tolerantly, because a field of
 * an unexpected form must not cost the rest of the chunk. Numbers count as text. An unreadable field
 * counts as absent.
 */
import type { JSONObject, LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { jsonValueOf } from '../../ground/json.ts'
import { finishReasonIn } from '../finish-reason.ts'
import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

/** The only choice of the request. Some servers send an object instead of the list. */
export function choiceOf({ choices }: JsonRecord): JsonRecord | undefined {
  const choice: unknown = Array.isArray(choices) ? choices[0] : choices
  return isRecord(choice) ? choice : undefined
}

/** The text of a field that holds a text or, from some servers, a number. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? String(value) : undefined
}

/**
 * Some answers of Gemini's compatible API use the name `finishReason`. Some servers write the reason into
 * the delta, or beside the choices.
 */
export function finishReasonOf(
  chunk: JsonRecord,
  choice: JsonRecord | undefined,
): string | undefined {
  const delta = choice?.['delta']
  const reason =
    choice?.['finish_reason'] ??
    choice?.['finishReason'] ??
    (isRecord(delta) ? delta['finish_reason'] : undefined) ??
    chunk['finish_reason']
  return reason == null ? undefined : finishReasonIn(reason)
}

/** The usage in a chunk. Moonshot puts it into the choice, Groq under a name of its own. */
export function usageIn(chunk: JsonRecord, choice: JsonRecord | undefined): JSONObject | undefined {
  const group = chunk['x_groq']
  const usage =
    chunk['usage'] ?? choice?.['usage'] ?? (isRecord(group) ? group['usage'] : undefined)
  return isReport(usage) ? usage : undefined
}

/** A record parsed from JSON, so its values are JSON. */
const isReport = (value: unknown): value is JSONObject => isRecord(value) && !Array.isArray(value)

/** The error in a chunk or in its choice. The values null, false, "" and {} are no error. */
export function errorIn(chunk: JsonRecord, choice: JsonRecord | undefined): unknown {
  if (isReported(chunk['error'])) return chunk
  if (choice !== undefined && isReported(choice['error'])) return choice
  return undefined
}

function isReported(error: unknown): boolean {
  if (error == null || error === false || error === '') return false
  return !isRecord(error) || Object.values(error).some(Boolean)
}

/** Whether an event without choices reports success, such as `{"code": 0, "msg": "ok"}`. */
export function isSuccess({ code }: JsonRecord): boolean {
  const word = textOf(code)
  return word !== undefined && /^(0|200|ok|success)$/i.test(word)
}

/** The text of a content part, if it is one: Mistral sends text and thinking as lists of parts. */
export function partText(part: unknown): { type: 'text' | 'reasoning'; text: string } | undefined {
  if (typeof part === 'string') return { type: 'text', text: part }
  if (!isRecord(part)) return undefined
  const { type, text, thinking } = part
  if (type === 'thinking' || type === 'reasoning') {
    return { type: 'reasoning', text: thinkingText(thinking ?? text) }
  }
  const isText = type === undefined || type === 'text' || type === 'output_text'
  return isText && typeof text === 'string' ? { type: 'text', text } : undefined
}

function thinkingText(thinking: unknown): string {
  if (!Array.isArray(thinking)) return textOf(thinking) ?? ''
  const texts = thinking.map((inner: unknown) => partText(inner))
  return texts.map((inner) => (inner?.type === 'text' ? inner.text : '')).join('')
}

/** The id, the model and the time of the answer; undefined if the chunk has none of them. */
export function metadataIn(chunk: JsonRecord): LanguageModelV4StreamPart | undefined {
  const { id, model, created } = chunk
  if (!id && !model && !created) return undefined
  const [name, modelId, time] = [textOf(id), textOf(model), Number(created)]
  return {
    type: 'response-metadata',
    ...(name === undefined ? {} : { id: name }),
    ...(modelId === undefined ? {} : { modelId }),
    ...(time > 0 ? { timestamp: new Date(time * 1000) } : {}),
  }
}

/** Whether an event reports the end of the answer, in one of the spellings of servers. */
export const isDone = (text: string) => /^\s*"?\[?DONE\]?"?\s*$/i.test(text)

/**
 * The values of an event that is not one JSON value: some servers put several events into one, or repeat
 * the name of the field. Undefined if it holds anything else.
 */
export function valuesIn(data: string): readonly unknown[] | undefined {
  const lines = data.split('\n').map((line) => line.replace(/^\s*(data:\s*)+/, ''))
  const texts = lines.filter((line) => line.trim() !== '')
  if (texts.length === 0 || (texts.length === 1 && texts[0] === data)) return undefined
  const values = texts.map((text) => (isDone(text) ? text.trim() : jsonValueOf(text)))
  return values.includes(undefined) ? undefined : values
}
