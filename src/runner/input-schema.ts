/**
 * The input schema of a tool in the form that every provider accepts: an object with `properties`.
 * OpenAI and Anthropic refuse `anyOf`, `oneOf`, `allOf` and a schema without a type at the top level
 * ("schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level";
 * "input_schema does not support oneOf, allOf, or anyOf at the top level"), and with the one tool the
 * whole request. The tool itself still checks its input with its own schema.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'

/** A reference may lead to another one. */
const referencesMax = 8
/** A schema may contain itself. */
const depthMax = 4

/** Returns the schema as an object with `properties`; the same schema if it has this form. */
export function objectSchema(schema: JSONSchema7, depth = 0): JSONSchema7 {
  if (!isSchema(schema) || depth > depthMax) return { type: 'object', properties: {} }
  const { anyOf, oneOf, allOf, $ref, type = 'object', properties, ...others } = schema
  if (![type].flat().includes('object')) return schema
  const isPlain = [anyOf, oneOf, allOf, $ref].every((keyword) => keyword === undefined)
  if (isPlain && isSchema(properties)) {
    return schema.type === 'object' ? schema : { ...schema, type: 'object' }
  }
  const objects = (branches: readonly unknown[] = []) => objectsOf(branches, schema, depth + 1)
  const parts = [
    { ...others, properties: isSchema(properties) ? properties : {} },
    ...objects($ref === undefined ? [] : [{ $ref }]),
    ...objects(allOf),
    merged(objects(anyOf), 'any'),
    merged(objects(oneOf), 'any'),
  ]
  return { ...others, type: 'object', ...merged(parts, 'all') }
}

const isSchema = (value: unknown): value is Record<string, JSONSchema7> & JSONSchema7 =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns the branches that describe objects. The input of a tool is never anything else. */
function objectsOf(branches: readonly unknown[], root: JSONSchema7, depth: number): JSONSchema7[] {
  const { $defs = {}, definitions = {} } = root
  return branches.flatMap((branch): JSONSchema7[] => {
    const found = resolved(branch, root)
    if (!isSchema(found) || ![found.type ?? 'object'].flat().includes('object')) return []
    return [objectSchema({ ...found, $defs, definitions }, depth)]
  })
}

function resolved(schema: unknown, root: JSONSchema7): unknown {
  let found = schema
  for (let count = 0; count < referencesMax; count++) {
    if (!isSchema(found) || found.$ref === undefined) return found
    const [, list, name = ''] = /^#\/(\$defs|definitions)\/(.+)$/.exec(found.$ref) ?? []
    found = (list === 'definitions' ? root.definitions : root.$defs)?.[name]
  }
  return undefined
}

/** `any`: an input fits one of the schemas, so only the fields that all of them require are required. */
function merged(
  schemas: readonly JSONSchema7[],
  mode: 'any' | 'all',
): Pick<JSONSchema7, 'properties' | 'required' | 'additionalProperties'> {
  const properties: Record<string, JSONSchema7[]> = {}
  for (const schema of schemas) {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const known = (properties[name] ??= [])
      const text = JSON.stringify(property)
      if (isSchema(property) && !known.some((other) => JSON.stringify(other) === text)) {
        known.push(property)
      }
    }
  }
  const lists = schemas.map(({ required = [] }) => required)
  const names = [...new Set(lists.flat())]
  const required = names.filter((name) =>
    mode === 'all' ? true : lists.every((list) => list.includes(name)),
  )
  const isClosed =
    schemas.length > 0 && schemas.every(({ additionalProperties: more }) => more === false)
  return {
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, [first = {}, ...rest]]) => [
        name,
        rest.length === 0 ? first : { anyOf: [first, ...rest] },
      ]),
    ),
    ...(required.length > 0 && { required }),
    ...(isClosed && { additionalProperties: false }),
  }
}
