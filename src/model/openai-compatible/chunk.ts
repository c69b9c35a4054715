/**
 * One chunk of a streamed answer, as far as it is used. It is checked before any part of it is handed
 * on, so that a chunk is taken whole or not at all. Fields that nobody reads are not looked at.
 */
import type { JSONObject } from '@ai-sdk/provider'

import { isRecord } from './json-record.ts'
import { isToolCallDelta } from './tool-calls.ts'
import type { ToolCallDelta } from './tool-calls.ts'

export interface Chunk {
  id?: string | null
  model?: string | null
  /** Seconds since 1970; some servers say 0 for "unknown". */
  created?: number | null
  usage?: JSONObject | null
  /** Null in some servers' report of the usage. */
  choices: readonly Choice[] | null
}

export interface Choice {
  finish_reason?: string | null
  delta?: Delta | null
}

export interface Delta {
  content?: string | readonly unknown[] | null
  reasoning_content?: string | null
  reasoning?: string | null
  /** Said in place of an answer. Some servers send `false`. */
  refusal?: unknown
  tool_calls?: readonly ToolCallDelta[] | null
}

export function isChunk(value: unknown): value is Chunk {
  if (!isRecord(value)) return false
  const { choices, usage } = value
  if (choices !== null && !Array.isArray(choices)) return false
  if (usage != null && !isRecord(usage)) return false
  if (!isText(value['id']) || !isText(value['model'])) return false
  if (value['created'] != null && typeof value['created'] !== 'number') return false
  const choice: unknown = choices?.[0]
  return choice === undefined || isChoice(choice)
}

function isChoice(value: unknown): value is Choice {
  if (!isRecord(value) || !isText(value['finish_reason'])) return false
  return value['delta'] == null || isDelta(value['delta'])
}

function isDelta(value: unknown): value is Delta {
  if (!isRecord(value)) return false
  const { content, tool_calls: calls } = value
  return (
    (isText(content) || Array.isArray(content)) &&
    isText(value['reasoning_content']) &&
    isText(value['reasoning']) &&
    (calls == null || (Array.isArray(calls) && calls.every(isToolCallDelta)))
  )
}

const isText = (value: unknown) => value == null || typeof value === 'string'

/** The text of a content part, if it is one: Mistral sends text and thinking as lists of parts. */
export function partText(part: unknown): { type: 'text' | 'reasoning'; text: string } | undefined {
  if (!isRecord(part)) return undefined
  const { type, text, thinking } = part
  if (type === 'text' && typeof text === 'string') return { type, text }
  if (type !== 'thinking' || !Array.isArray(thinking)) return undefined
  const texts = thinking.map((inner) => partText(inner)).filter((inner) => inner?.type === 'text')
  return { type: 'reasoning', text: texts.map((inner) => inner?.text).join('') }
}
