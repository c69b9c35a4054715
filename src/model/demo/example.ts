/** An example value for a JSON schema: the answer of the demo model if the request asks for one. */
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

export function exampleOf(root: JSONSchema7): JSONValue {
  const example = (definition: JSONSchema7Definition, depth: number): JSONValue => {
    if (typeof definition === 'boolean' || depth > 4 * depthMax) return null
    const { $ref } = definition
    if ($ref !== undefined) {
      const path = $ref.split('/').slice(1)
      const target = path.reduce<unknown>((at, key) => Object(at)[decodeURIComponent(key)], root)
      return example(Object(target), depth + 1)
    }
    const { const: only, enum: choices, anyOf, oneOf, allOf } = definition
    const [first] = only === undefined ? (choices ?? []) : [only]
    if (first !== undefined) return JSON.parse(JSON.stringify(first))
    const branches = anyOf ?? oneOf ?? allOf
    const branch = depth > depthMax ? branches?.at(-1) : branches?.[0]
    if (branch !== undefined) return example(branch, depth + 1)
    return plain(definition, depth)
  }
  const plain = (schema: JSONSchema7, depth: number): JSONValue => {
    const { items, minItems = 0, properties = {}, required = [] } = schema
    const [type = 'object'] = [schema.type ?? []].flat()
    if (type === 'string') return textFor(schema)
    if (type === 'number' || type === 'integer') return numberFor(schema)
    if (type === 'boolean') return true
    if (type === 'null') return null
    if (type === 'array') {
      // JSON Schema 2020-12 has the schemas of a tuple in another keyword than draft 7.
      const tuple: unknown = Array.isArray(items) ? items : Reflect.get(schema, 'prefixItems')
      if (Array.isArray(tuple)) return tuple.map((item: object) => example(item, depth + 1))
      if (items === undefined || typeof items === 'boolean') return []
      const length = Math.max(minItems, depth > depthMax ? 0 : 1)
      return Array.from({ length }, () => example(Object(items), depth + 1))
    }
    const names = depth > depthMax ? required : Object.keys(properties)
    return Object.fromEntries(
      names.map((name) => [name, example(properties[name] ?? true, depth + 1)]),
    )
  }
  return example(root, 0)
}

function textFor({ format = '', minLength = 0, maxLength }: JSONSchema7): string {
  return (formats[format] ?? 'example'.padEnd(minLength, '.')).slice(0, maxLength)
}

function numberFor(schema: JSONSchema7): number {
  const { minimum = -Infinity, exclusiveMinimum = -Infinity, maximum = Infinity } = schema
  const { multipleOf = 1 } = schema
  const least = Math.max(minimum, exclusiveMinimum + multipleOf, 1)
  return Math.min(Math.ceil(least / multipleOf) * multipleOf, maximum)
}
