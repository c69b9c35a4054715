/**
 * One delta of a tool call as it comes over the wire, and as servers with habits of their own send it:
 * ids that are numbers, indexes that are texts, arguments that are an object, no `function` around it.
 */
import { textOf } from './chunk.ts'
import { isRecord } from './json-record.ts'

export interface ToolCallDelta {
  index?: number | null
  id?: string | null
  function: { name?: string | null; arguments?: string | null }
  extra_content?: unknown
}

/** The deltas of a `tool_calls` field: a list, or one of them alone. What is no delta is left out. */
export function toolCallDeltas(value: unknown): readonly ToolCallDelta[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.every(isToolCallDelta) ? list : list.flatMap(readDelta)
}

function isToolCallDelta(value: unknown): value is ToolCallDelta {
  if (!isRecord(value) || !isRecord(value['function'])) return false
  const { index, id, function: called } = value
  return (
    (index == null || typeof index === 'number') &&
    isText(id) &&
    isText(called['name']) &&
    isText(called['arguments'])
  )
}

const isText = (value: unknown) => value == null || typeof value === 'string'

function readDelta(value: unknown): ToolCallDelta[] {
  if (!isRecord(value)) return []
  const called = isRecord(value['function']) ? value['function'] : value
  const name = textOf(called['name'])
  const text = argumentsText(called['arguments'])
  const id = textOf(value['id'])
  if (name === undefined && text === undefined && id === undefined) return []
  return [
    {
      index: indexOf(value['index']),
      id: id ?? null,
      function: { name: name ?? null, arguments: text ?? null },
      extra_content: value['extra_content'],
    },
  ]
}

function argumentsText(value: unknown): string | undefined {
  if (value == null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function indexOf(value: unknown): number | null {
  const index = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof index === 'number' && Number.isInteger(index) ? index : null
}
