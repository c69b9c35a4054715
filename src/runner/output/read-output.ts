/** The answer of a model as the output of an agent: its JSON value, mended where it nearly fits the schema. */
import type { JSONSchema7Definition, JSONValue } from '@ai-sdk/provider'

import { toJson } from '../../ground/json.ts'
import { isJsonObject } from '../../ground/merge.ts'
import { answerJson, withoutThoughts } from './answer-json.ts'
import { fittedValue } from './fitted-value.ts'
import type { OutputSchema } from './output-schema.ts'

export interface Output {
  /** The value as the schema returned it. */
  value: unknown
  /** The value as clients and the store have it. */
  json: JSONValue
}

export type ReadOutput = Output | { refusal: string }

/** Names of a field in which models put a whole answer. */
const wrappers = ['result', 'output', 'answer', 'response', 'data', 'value', 'json']

/**
 * @param texts the text of the answer, the most probable one first
 * @param options.isPartial whether the answer was cut off, so that only a complete JSON value counts
 * @returns the output, or why no text is one, for the model
 */
export async function readOutput(
  texts: readonly string[],
  schema: OutputSchema,
  { isPartial }: { isPartial: boolean },
): Promise<ReadOutput> {
  let refusal: string | undefined
  for (const text of texts) {
    const read = await readText(text, schema, isPartial)
    if ('value' in read) return read
    refusal ??= read.refusal
  }
  return { refusal: refusal ?? 'The answer is empty.' }
}

async function readText(
  answer: string,
  schema: OutputSchema,
  isPartial: boolean,
): Promise<ReadOutput> {
  const text = withoutThoughts(answer)
  if (text.trim() === '') return { refusal: 'The answer is empty.' }
  const { values, isCutOff } = await answerJson(text)
  const candidates = values.flatMap((value) => candidatesOf(value, schema))
  // A schema of texts takes an answer that is no JSON.
  if (schema.isWrapped && !isCutOff && !isPartial) candidates.push(text.trim())
  let refusal: string | undefined
  for (const candidate of candidates) {
    const read = await readValue(candidate, schema)
    if ('value' in read) return read
    refusal ??= read.refusal
  }
  const missing =
    isCutOff || isPartial
      ? 'The answer ends before its JSON value is complete.'
      : 'The answer contains no JSON value.'
  return { refusal: refusal ?? missing }
}

async function readValue(candidate: JSONValue, schema: OutputSchema): Promise<ReadOutput> {
  const checked = await schema.check(candidate)
  if ('value' in checked) return outputOf(checked.value, candidate)
  const fitted = fittedValue(candidate, schema.jsonSchema)
  const again = await schema.check(fitted)
  return 'value' in again ? outputOf(again.value, fitted) : checked
}

function outputOf(value: unknown, source: JSONValue): Output {
  try {
    return { value, json: toJson(value) }
  } catch {
    // The schema made a value that JSON cannot hold, such as a BigInt.
    return { value, json: source }
  }
}

/** The value itself and the values inside of it that may be the answer, the most probable first. */
function candidatesOf(value: JSONValue, { jsonSchema, isWrapped }: OutputSchema): JSONValue[] {
  const inner = innerValues(value)
  const own = isWrapped && isJsonObject(value) ? value['result'] : undefined
  const all = [...(own === undefined ? [] : [own]), value, ...inner, ...inner.flatMap(innerValues)]
  const names = fieldNames(jsonSchema)
  // A schema that ignores unknown fields would take an object of only such fields for an empty one.
  const isStrange = (candidate: JSONValue) =>
    isJsonObject(candidate) &&
    Object.keys(candidate).length > 0 &&
    !Object.keys(candidate).some((key) => names?.has(key) !== false)
  const candidates = [
    ...all.filter((candidate) => !isStrange(candidate)),
    ...all.filter((candidate) => isStrange(candidate)),
  ]
  const [only, ...others] = names ?? []
  // The schema has one field, and the model answered with its value alone.
  if (only !== undefined && others.length === 0) candidates.push({ [only]: value })
  return candidates
}

/** The names of the fields that an object of the schema has. Undefined if it may have any. */
function fieldNames(schema: JSONSchema7Definition): Set<string> | undefined {
  if (typeof schema === 'boolean') return undefined
  const { $ref, properties, additionalProperties, anyOf, oneOf, allOf } = schema
  const branches = [anyOf, oneOf, allOf].flatMap((list) => list ?? [])
  const isOpen = typeof additionalProperties === 'object' || additionalProperties === true
  if ($ref !== undefined || isOpen) return undefined
  const names = new Set(Object.keys(properties ?? {}))
  for (const branch of branches) {
    const more = fieldNames(branch)
    if (more === undefined) return undefined
    for (const name of more) names.add(name)
  }
  return names
}

/** The values of the fields that may wrap an answer. */
function innerValues(value: JSONValue): JSONValue[] {
  if (Array.isArray(value)) return value.length === 1 ? value : []
  if (!isJsonObject(value)) return []
  const fields = Object.entries(value)
  return fields.flatMap(([name, field = null]) =>
    fields.length === 1 || wrappers.includes(name.toLowerCase()) ? [field] : [],
  )
}
