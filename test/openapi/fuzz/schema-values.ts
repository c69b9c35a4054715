/** Random values of a JSON schema, as far as the document uses the language of schemas. */
import * as fc from 'fast-check'

import { fieldsOf } from '../../../src/ground/fields.ts'
import type { Schema } from '../document-form.ts'

export type Schemas = Readonly<Record<string, Schema>>

/** Whole texts that a schema describes only by a pattern or by words. */
const words = fc.constantFrom('Hi', 'Ask.', 'Look.', 'demo/echo', 'tester', 'm1', 'm2', 'a', 'ü 🌤')

export function valuesOf(schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  const { $ref, const: constant, enum: choices, type, examples } = schema
  if (typeof $ref === 'string') {
    return valuesOf(schemas[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {}, schemas)
  }
  if (constant !== undefined) return fc.constant(constant)
  if (Array.isArray(choices)) return fc.constantFrom(...choices)
  if (Array.isArray(examples)) return fc.constantFrom(...examples)
  const alternatives = listIn(schema['anyOf']).concat(listIn(schema['oneOf']))
  if (alternatives.length > 0) {
    const { anyOf: _anyOf, oneOf: _oneOf, ...base } = schema
    return fc.oneof(...alternatives.map((each) => valuesOf(merged(base, each), schemas)))
  }
  switch (type) {
    case 'string':
      return textsOf(schema)
    case 'integer':
      return fc.oneof(
        fc.integer({ min: lowest(schema), max: Math.min(highest(schema), lowest(schema) + 300) }),
        fc.constantFrom(lowest(schema), highest(schema)),
      )
    case 'number':
      return fc.double({ min: lowest(schema), max: highest(schema), noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valuesOf(fieldsOf(schema['items']), schemas), { minLength: 1, maxLength: 3 })
    case 'object':
      return objectsOf(schema, schemas)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function textsOf({ minLength, maxLength, pattern }: Schema): fc.Arbitrary<string> {
  if (typeof pattern === 'string') return fc.constantFrom('data-note', 'data-x')
  const least = typeof minLength === 'number' ? minLength : 0
  const most = typeof maxLength === 'number' ? maxLength : 40
  return fc.oneof(words, fc.string({ minLength: least, maxLength: Math.min(most, 40) }))
}

function objectsOf(schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  const properties = Object.entries(fieldsOf(schema['properties'])).filter(
    // A field that must be absent.
    ([, value]) => fieldsOf(value)['not'] === undefined || fieldsOf(value)['type'] !== undefined,
  )
  const required = listIn(schema['required']).map(String)
  const zone = Object.keys(fieldsOf(schema['dependentRequired']))
  const names = properties.map(([name]) => name).filter((name) => !zone.includes(name))
  const times = ['at', 'after', 'every', 'cron']
  const isSchedule = times.every((name) => names.includes(name))
  // Of a schedule, exactly one time.
  const kept = isSchedule
    ? names.filter((name) => !times.includes(name) || required.includes(name))
    : names
  if (properties.length === 0) return fc.dictionary(fc.string({ maxLength: 9 }), fc.jsonValue())
  const fields = properties
    .filter(([name]) => kept.includes(name))
    .map(([name, value]) => {
      const values = valuesOf(fieldsOf(value), schemas)
      const field = required.includes(name) ? values : seldom(values)
      return field.map((each) => [name, each] as const)
    })
  return fc
    .tuple(...fields)
    .map((entries) => Object.fromEntries(entries.filter(([, value]) => value !== undefined)))
}

/** Many optional fields at once would make nearly every request a refused one. */
const seldom = (values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values })

function merged(base: Schema, other: unknown): Schema {
  const { properties, required, ...rest } = fieldsOf(other)
  return {
    ...base,
    ...rest,
    ...(base['properties'] !== undefined || properties !== undefined
      ? { properties: { ...fieldsOf(base['properties']), ...fieldsOf(properties) } }
      : {}),
    required: [...listIn(base['required']), ...listIn(required)],
  }
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const lowest = ({ minimum }: Schema) => (typeof minimum === 'number' ? minimum : -1_000_000)
const highest = ({ maximum }: Schema) => (typeof maximum === 'number' ? maximum : 1_000_000)
