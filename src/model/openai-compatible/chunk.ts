/**
 * Reads one chunk of a streamed answer. Every field is read by itself and liberally, since a field of
 * an unexpected form must not cost the rest of the chunk: numbers count as text, a field that cannot
 * be read counts as absent.
 */
import type { JSONObject, LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { finishReasonIn } from '../finish-reason.ts'
import { isRecord, parseJson } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'

/** The only choice that was asked for. Some servers send an object in place of the list. */
export function choiceOf({ choices }: JsonRecord): JsonRecord | undefined {
  const choice: unknown = Array.isArray(choices) ? choices[0] : choices
  return isRecord(choice) ? choice : undefined
}

/** The text of a field that holds a text or, from careless servers, a number. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? String(value) : undefined
}

/**
 * `finishReason` is the name in some answers of Gemini's compatible API. Some servers write the reason
 * into the delta, or beside the choices.
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

/** The report of usage in a chunk: Moonshot puts it into the choice, Groq under a name of its own. */
export function usageIn(chunk: JsonRecord, choice: JsonRecord | undefined): JSONObject | undefined {
  const group = chunk['x_groq']
  const usage =
    chunk['usage'] ?? choice?.['usage'] ?? (isRecord(group) ? group['usage'] : undefined)
  return isReport(usage) ? usage : undefined
}

/** It was parsed from JSON, so that it holds nothing else. */
const isReport = (value: unknown): value is JSONObject => isRecord(value) && !Array.isArray(value)

/** The error that a chunk reports, in itself or in its choice; null, false, "" and {} report none. */
export function errorIn(chunk: JsonRecord, choice: JsonRecord | undefined): unknown {
  if (isReported(chunk['error'])) return chunk
  if (choice !== undefined && isReported(choice['error'])) return choice
  return undefined
}

function isReported(error: unknown): boolean {
  if (error == null || error === false || error === '') return false
  return !isRecord(error) || Object.values(error).some(Boolean)
}

/** Whether an event without choices says that something went well, such as `{"code": 0, "msg": "ok"}`. */
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

/** The id, the model and the time of the answer; undefined in a chunk that has none of them. */
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

/** Whether an event says that the answer is over, in one of the spellings of servers. */
export const isDone = (text: string) => /^\s*"?\[?DONE\]?"?\s*$/i.test(text)

/**
 * The values of an event that is no JSON as it is: some servers put several events into one, or the name
 * of the field twice. Undefined where it holds anything else.
 */
export function valuesIn(data: string): readonly unknown[] | undefined {
  const lines = data.split('\n').map((line) => line.replace(/^\s*(data:\s*)+/, ''))
  const texts = lines.filter((line) => line.trim() !== '')
  if (texts.length === 0 || (texts.length === 1 && texts[0] === data)) return undefined
  const values = texts.map((text) => (isDone(text) ? text.trim() : parseJson(text)))
  return values.includes(undefined) ? undefined : values
}
