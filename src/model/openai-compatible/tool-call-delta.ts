/**
 * One delta of a tool call on the wire, also in the forms of unusual servers: ids as numbers, indexes as
 * texts, arguments as an object, no `function` around the fields.
 */
import type { JSONObject } from '@ai-sdk/provider'

import { jsonValueOf } from '../../ground/json.ts'
import { textOf } from './chunk.ts'
import { isRecord } from './json-record.ts'
import { signed } from './wire-form.ts'

export interface ToolCallDelta {
  index?: number | null
  id?: string | null
  function: { name?: string | null; arguments?: string | null }
  /** The fields that hold the signature of the call's reasoning, unchanged. */
  signed?: JSONObject | undefined
}

/** The deltas of a `tool_calls` field: a list, or a single delta. Other values are left out. */
export function toolCallDeltas(value: unknown): readonly ToolCallDelta[] {
  const field: unknown = typeof value === 'string' ? jsonValueOf(value) : value
  const list: readonly unknown[] = Array.isArray(field) ? field : [field]
  return list.every(isPlainDelta) ? list : list.flatMap(readDelta)
}

/** Whether a value has the usual form, which is used without conversion. */
function isPlainDelta(value: unknown): value is ToolCallDelta {
  if (!isRecord(value) || !isRecord(value['function'])) return false
  const { index, id, function: callee } = value
  return (
    hasNoMore(value, plainFields) &&
    hasNoMore(callee, functionFields) &&
    (index == null || typeof index === 'number') &&
    isText(id) &&
    isText(callee['name']) &&
    isText(callee['arguments'])
  )
}

const plainFields = new Set(['index', 'id', 'type', 'function'])
const functionFields = new Set(['name', 'arguments', 'parsed_arguments', 'description'])

function hasNoMore(value: object, fields: ReadonlySet<string>): boolean {
  for (const name in value) if (!fields.has(name)) return false
  return true
}

const isText = (value: unknown) => value == null || typeof value === 'string'

function readDelta(value: unknown): ToolCallDelta[] {
  if (!isRecord(value)) return []
  const callee = isRecord(value['function']) ? value['function'] : value
  const name = textOf(callee['name'])
  // Some servers use the names of Anthropic's and Llama's calls.
  const text = argumentsText(callee['arguments'] ?? callee['input'] ?? callee['parameters'])
  const id = textOf(value['id'])
  const signature = signedFields(value)
  if ([name, text, id, signature].every((field) => field === undefined)) return []
  return [
    {
      index: indexOf(value['index']),
      id: id ?? null,
      function: { name: name ?? null, arguments: text ?? null },
      signed: signature,
    },
  ]
}

/** Reads the signature. Some servers put it beside the name of the function. */
function signedFields(value: object): JSONObject | undefined {
  const callee =
    'function' in value && isRecord(value.function) ? signed(value.function) : undefined
  const outer = signed(value)
  if (callee === undefined) return outer
  return { ...outer, function: callee }
}

function argumentsText(value: unknown): string | undefined {
  if (value == null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function indexOf(value: unknown): number | null {
  const index = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof index === 'number' && Number.isInteger(index) ? index : null
}
