/** An example value of a JSON schema, for the greeting of a server and for the answers of the demo model. */
import type { JSONSchema7, JSONSchema7Definition, JSONValue } from '@ai-sdk/provider'

/** A schema may contain itself. Below this depth, optional fields and items are left out. */
const depthMax = 4

/** Texts of the usual formats. */
const formats: Readonly<Record<string, string>> = {
  date: '2026-01-01',
  'date-time': '2026-01-01T12:00:00Z',
  time: '12:00:00Z',
  email: 'demo@example.com',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
}

type Schema = JSONSchema7Definition | undefined

interface ExampleOptions {
  /** The value of a text without a format. @defaultValue 'example' */
  text?: string
  /** Whether an object has its optional fields. @defaultValue true */
  withOptional?: boolean
}

interface Place extends Required<ExampleOptions> {
  /** The whole schema, to which references point. */
  root: Schema
  depth: number
}

/**
 * Returns a value that the schema accepts in most cases. It follows types, limits, formats and choices, but
 * no patterns.
 */
export const exampleOf = (schema: Schema, options: ExampleOptions = {}): JSONValue =>
  valueOf(schema, { text: 'example', withOptional: true, ...options, root: schema, depth: 0 })

function valueOf(schema: Schema, place: Place): JSONValue {
  const { root, text, withOptional, depth } = place
  if (typeof schema !== 'object' || depth > 4 * depthMax) return null
  const { $ref, const: only, enum: choices = [], anyOf, oneOf, allOf } = schema
  const inner = (part: Schema) => valueOf(part, { ...place, depth: depth + 1 })
  const isDeep = depth > depthMax
  if ($ref !== undefined) {
    const path = $ref.split('/').slice(1).map(decodeURIComponent)
    return inner(Object(path.reduce<unknown>((at, key) => Object(at)[key], root)))
  }
  const examples = [schema.examples ?? []].flat()
  const value = [...examples, schema.default, only, ...choices].find((each) => each !== undefined)
  if (value !== undefined) return value
  const branches = anyOf ?? oneOf ?? allOf
  if (branches !== undefined) return inner(branches.at(isDeep ? -1 : 0))
  const { items, minItems = 0, properties = {}, required = [] } = schema
  const { format = '', minLength = 0, maxLength } = schema
  switch ([schema.type].flat()[0]) {
    case 'string':
      return (formats[format] ?? text.padEnd(minLength, '.')).slice(0, maxLength)
    case 'number':
    case 'integer':
      return numberFor(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array': {
      // JSON Schema 2020-12 has the schemas of a tuple in another keyword than draft 7.
      const tuple: unknown = Array.isArray(items) ? items : Reflect.get(schema, 'prefixItems')
      if (Array.isArray(tuple)) return tuple.map(inner)
      const length = typeof items === 'object' ? Math.max(minItems, isDeep ? 0 : 1) : 0
      return Array.from({ length }, () => inner(Object(items)))
    }
    case 'object':
    case undefined: {
      const names = isDeep || !withOptional ? required : Object.keys(properties)
      return Object.fromEntries(names.map((name) => [name, inner(properties[name])]))
    }
  }
}

function numberFor(schema: JSONSchema7): number {
  const { minimum = 1, exclusiveMinimum = 0, maximum = Infinity, multipleOf = 1 } = schema
  const least = Math.max(minimum, exclusiveMinimum + multipleOf, 1)
  return Math.min(Math.ceil(least / multipleOf) * multipleOf, maximum)
}
