/** Leaves out an optional field that a model refuses, anywhere outside the messages. */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { positionOf } from './refusal.ts'
import { type Refusal } from './rule.ts'
import type { BodyChange, BodyRule } from './rule.ts'

/**
 * The main fields of a request, in the spelling of each API. They are never left out: if a model refuses
 * tools, the user must read that refusal. `stream` decides how the answer is read.
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
  return lesserForm(path, body, refusal) ?? omission(path, quotedValue(refusal, value))
}

/** Returns the path of the field that the refusal names first, as deep as the refusal names it. */
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

/**
 * A schema for the answer has a weaker form, which is better than none. The refusal may also name a field
 * inside of the format: "'response_format' of type 'json_schema' is not supported with this model".
 */
function lesserForm(path: Path, body: JsonRecord, { text }: Refusal): BodyChange | undefined {
  const value = body['response_format']
  if (path[0] !== 'response_format' || !isRecord(value) || value['type'] !== 'json_schema') return
  const schema = value['json_schema']
  if (isRecord(schema) && schema['strict'] === true && /invalid schema|strict/i.test(text)) {
    return lenientForm
  }
  return {
    key: 'response_format=json_object',
    apply: (body) => {
      const format = body['response_format']
      if (!isRecord(format) || format['type'] !== 'json_schema') return body
      return { ...body, response_format: { type: 'json_object' } }
    },
  }
}

/** OpenAI's strict mode takes only a part of JSON Schema: "Invalid schema for response_format 'output'". */
const lenientForm: BodyChange = {
  key: 'response_format.strict=false',
  apply: (body) => {
    const format = body['response_format']
    const schema = isRecord(format) ? format['json_schema'] : undefined
    if (!isRecord(format) || !isRecord(schema) || schema['strict'] !== true) return body
    const response_format = { ...format, json_schema: { ...schema, strict: false } }
    return { ...body, response_format }
  },
}

/** If the refusal quotes the value, only this value may be wrong: another value may be accepted. */
const quotedValue = ({ text }: Refusal, value: unknown): string | undefined =>
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

/** Also removes an object that loses its last field. */
function without(fields: JsonRecord, [name, ...rest]: readonly string[]): JsonRecord {
  if (name === undefined || fields[name] === undefined) return fields
  const { [name]: value, ...others } = fields
  if (rest.length === 0 || !isRecord(value)) return others
  const remainder = without(value, rest)
  if (remainder === value) return fields
  return Object.keys(remainder).length === 0 ? others : { ...fields, [name]: remainder }
}
