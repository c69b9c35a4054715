/** Leaves out an optional field that a model refuses, wherever it stands outside the messages. */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { positionOf } from './refusal.ts'
import { type Refusal } from './rule.ts'
import type { BodyChange, BodyRule } from './rule.ts'

/**
 * What a request is about, in the spelling of each API. A model that takes no tools gets no answer
 * without them in secret: its refusal is the user's to read. `stream` decides how the answer is read.
 */
const required = new Set([
  'model',
  'messages',
  'input',
  'contents',
  'instructions',
  'system',
  'systemInstruction',
  'tools',
  'stream',
])
const depthMax = 3

type Path = readonly [string, ...string[]]

export const optionalField: BodyRule = (refusal, body) => {
  const path = firstNamed(refusal, body)
  if (path === undefined) return undefined
  const value = valueAt(body, path)
  return lesserForm(path, value) ?? omission(path, refusedValue(refusal, value))
}

/** The field that the refusal names first, and inside it the one that it names more closely. */
function firstNamed(refusal: Refusal, fields: JsonRecord, depth = 1): Path | undefined {
  let first: { name: string; position: number } | undefined
  let inner: Path | undefined
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (depth === 1 && required.has(name))) continue
    const position = positionOf(refusal, name)
    if (position !== undefined && position < (first?.position ?? Number.POSITIVE_INFINITY)) {
      first = { name, position }
    }
    if (depth === depthMax || !isRecord(value) || Array.isArray(value)) continue
    const within = firstNamed(refusal, value, depth + 1)
    if (within !== undefined && (inner === undefined || first?.name === name)) {
      inner = [name, ...within]
    }
  }
  if (first === undefined) return inner
  return inner?.[0] === first.name ? inner : [first.name]
}

/** A schema for the answer has a lesser form, which is better than none. */
function lesserForm(path: Path, value: unknown): BodyChange | undefined {
  if (path[0] !== 'response_format' || !isRecord(value) || value['type'] !== 'json_schema') return
  return {
    key: 'response_format=json_object',
    apply: (body) => {
      const format = body['response_format']
      if (!isRecord(format) || format['type'] !== 'json_schema') return body
      return { ...body, response_format: { type: 'json_object' } }
    },
  }
}

/** A word that the refusal quotes may be all that is wrong: another word may be welcome. */
const refusedValue = ({ text }: Refusal, value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && text.includes(value) ? value : undefined

function omission(path: Path, only: string | undefined): BodyChange {
  return {
    key: `-${path.join('.')}${only === undefined ? '' : `=${only}`}`,
    apply: (body) =>
      only === undefined || valueAt(body, path) === only ? without(body, path) : body,
  }
}

function valueAt(fields: JsonRecord, path: readonly string[]): unknown {
  let value: unknown = fields
  for (const name of path) value = isRecord(value) ? value[name] : undefined
  return value
}

/** An object that loses its last field goes too. */
function without(fields: JsonRecord, [name, ...rest]: readonly string[]): JsonRecord {
  if (name === undefined || fields[name] === undefined) return fields
  const { [name]: value, ...others } = fields
  if (rest.length === 0 || !isRecord(value)) return others
  const left = without(value, rest)
  if (left === value) return fields
  return Object.keys(left).length === 0 ? others : { ...fields, [name]: left }
}
