/**
 * Leaves out parts of the tools' descriptions that a model refuses: `strict`, and keywords of JSON
 * Schema (Google: `Unknown name "additionalProperties"`; OpenAI's strict mode: "'format' is not
 * permitted").
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { names } from './refusal.ts'
import type { BodyChange, BodyRule } from './rule.ts'

/** Keywords that are not essential: without them a schema describes the input less exactly. */
const keywords = `
  $schema $id $comment additionalProperties unevaluatedProperties
  propertyNames patternProperties minProperties maxProperties const default
  format pattern minLength maxLength minimum maximum exclusiveMinimum
  exclusiveMaximum multipleOf minItems maxItems uniqueItems examples title
  contentEncoding contentMediaType readOnly writeOnly deprecated if then
  else not dependentRequired dependentSchemas contains prefixItems`
  .trim()
  .split(/\s+/)
/** Keywords whose value maps the user's names to schemas. */
const maps = new Set(['properties', '$defs', 'definitions'])
const depthMax = 64

export const toolSchema: BodyRule = (refusal, body) => {
  if (!Array.isArray(body['tools'])) return undefined
  const about = `${refusal.text} ${refusal.paths.join(' ')}`
  if (!/tool|function|schema|propert|parameter|declaration/i.test(about)) return undefined
  const named = ['strict', ...keywords].filter((keyword) => names(refusal, keyword))
  return named.map(omission).find((change) => change.apply(body) !== body)
}

function omission(keyword: string): BodyChange {
  return {
    key: `-tools.${keyword}`,
    apply: (body) => {
      const tools: unknown = body['tools']
      if (!Array.isArray(tools)) return body
      const changed = tools.map((tool: unknown) => changeTool(tool, keyword, 0))
      return changed.every((tool, index) => tool === tools[index])
        ? body
        : { ...body, tools: changed }
    },
  }
}

/** Walks down to the schema, which each API has at another place. */
function changeTool(value: unknown, keyword: string, depth: number): unknown {
  if (!isRecord(value) || depth > 4) return value
  if (Array.isArray(value)) {
    return same(
      value,
      value.map((item: unknown) => changeTool(item, keyword, depth + 1)),
    )
  }
  const changed: JsonRecord = {}
  for (const [name, inner] of Object.entries(value)) {
    if (name === keyword && keyword === 'strict') continue
    const isSchema = /^(?:parameters|input_schema|inputSchema|parametersJsonSchema)$/.test(name)
    changed[name] = isSchema
      ? changeSchema(inner, keyword, 0)
      : changeTool(inner, keyword, depth + 1)
  }
  return same(value, changed)
}

function changeSchema(schema: unknown, keyword: string, depth: number): unknown {
  if (!isRecord(schema) || depth > depthMax) return schema
  if (Array.isArray(schema)) {
    return same(
      schema,
      schema.map((item: unknown) => changeSchema(item, keyword, depth + 1)),
    )
  }
  const changed: JsonRecord = {}
  for (const [name, inner] of Object.entries(schema)) {
    if (name === keyword) {
      // A list with one value has the same meaning.
      if (keyword === 'const') changed['enum'] = [inner]
    } else if (maps.has(name) && isRecord(inner)) {
      const entries = Object.entries(inner).map(
        ([key, each]) => [key, changeSchema(each, keyword, depth + 1)] as const,
      )
      changed[name] = same(inner, Object.fromEntries(entries))
    } else if (name === 'enum' || name === 'required' || name === 'default') {
      changed[name] = inner
    } else {
      changed[name] = changeSchema(inner, keyword, depth + 1)
    }
  }
  return same(schema, changed)
}

/** Returns `before` if `after` has the same values. */
function same<VALUE extends object>(before: VALUE, after: VALUE): VALUE {
  const old = Object.entries(before)
  const isSame =
    old.length === Object.keys(after).length &&
    Object.entries(after).every(([name, value], index) => {
      const [oldName, oldValue] = old[index] ?? []
      return name === oldName && value === oldValue
    })
  return isSame ? before : after
}
