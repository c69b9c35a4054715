/**
 * Builds the input of a tool from its JSON schema and from what the message says, so that people can
 * try a tool of their own with the demo model. What the message does not give is filled in as simply
 * as the schema allows; the tool's own validation has the last word.
 */
import type { JSONValue } from '@ai-sdk/provider'

/** What is read of a JSON schema; `$defs` is where zod puts its definitions. */
export interface Schema {
  type?: string | readonly string[] | undefined
  const?: JSONValue | undefined
  enum?: readonly JSONValue[] | undefined
  properties?: Record<string, Schema | boolean> | undefined
  required?: readonly string[] | undefined
  items?: Schema | boolean | readonly (Schema | boolean)[] | undefined
  anyOf?: readonly (Schema | boolean)[] | undefined
  oneOf?: readonly (Schema | boolean)[] | undefined
  default?: JSONValue | undefined
  minimum?: number | undefined
  format?: string | undefined
  examples?: unknown
  $ref?: string | undefined
  $defs?: Record<string, Schema | boolean> | undefined
  definitions?: Record<string, Schema | boolean> | undefined
}

interface Builder {
  /** What the message says after the tool's name. */
  text: string
  root: Schema
  quoted: string[]
  numbers: number[]
  /** Guards against schemas that hold themselves. */
  depth: number
}

/** The deepest input that is filled in. */
const depthMax = 6

/** An input that fits the schema, with the values that the text gives. */
export function inputFor(schema: Schema, text: string): JSONValue {
  const given = jsonIn(text)
  if (given !== undefined) return given
  const builder: Builder = {
    text,
    root: schema,
    quoted: [...text.matchAll(/"([^"]*)"|“([^”]*)”|`([^`]*)`/g)].map(
      (match) => match[1] ?? match[2] ?? match[3] ?? '',
    ),
    numbers: [...text.matchAll(/-?\b\d+(?:\.\d+)?\b/g)].map((match) => Number(match[0])),
    depth: 0,
  }
  return valueFor(builder, schema, undefined) ?? {}
}

/** People who know the schema write the input themselves. */
function jsonIn(text: string): JSONValue | undefined {
  const start = text.indexOf('{')
  const end = text.lastIndexOf('}')
  if (start < 0 || end < start) return undefined
  try {
    const value: JSONValue = JSON.parse(text.slice(start, end + 1))
    return value
  } catch {
    // Not JSON: the braces were prose.
    return undefined
  }
}

/** Undefined where the message says nothing and nothing has to be said. */
function valueFor(
  builder: Builder,
  definition: Schema | boolean | undefined,
  key: string | undefined,
): JSONValue | undefined {
  const schema = resolved(builder, definition)
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return choiceOf(builder, schema.enum)
  return builders[typeOf(schema)](builder, schema, key)
}

type SimpleType = 'object' | 'array' | 'number' | 'integer' | 'boolean' | 'null' | 'string'

type Build = (builder: Builder, schema: Schema, key: string | undefined) => JSONValue

const builders: Record<SimpleType, Build> = {
  object: objectFor,
  array: listFor,
  number: numberFor,
  integer: numberFor,
  boolean: booleanFor,
  null: () => null,
  string: stringFor,
}

function typeOf(schema: Schema): SimpleType {
  const type = typeof schema.type === 'object' ? schema.type[0] : schema.type
  if (type !== undefined && isSimple(type)) return type
  return schema.properties === undefined ? 'string' : 'object'
}

const isSimple = (type: string): type is SimpleType => Object.hasOwn(builders, type)

/** Follows `$ref`, and takes the first of several alternatives. */
function resolved(builder: Builder, definition: Schema | boolean | undefined): Schema {
  let schema: Schema | boolean | undefined = definition
  for (let hop = 0; hop < depthMax; hop += 1) {
    if (typeof schema !== 'object') return {}
    const name: string | undefined = /^#\/(?:\$defs|definitions)\/(.+)$/.exec(
      schema.$ref ?? '',
    )?.[1]
    const next: Schema | boolean | undefined =
      name === undefined
        ? (schema.anyOf ?? schema.oneOf)?.[0]
        : (builder.root.$defs ?? builder.root.definitions)?.[name]
    if (next === undefined) return schema
    schema = next
  }
  return typeof schema === 'object' ? schema : {}
}

function objectFor(builder: Builder, schema: Schema): JSONValue {
  const required = new Set(schema.required)
  const entries: [string, JSONValue][] = []
  if (builder.depth >= depthMax) return {}
  builder.depth += 1
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    // An optional property is left out unless the message names it.
    if (!required.has(key) && said(builder.text, key) === undefined) continue
    const value = valueFor(builder, property, key)
    if (value !== undefined) entries.push([key, value])
  }
  builder.depth -= 1
  return Object.fromEntries(entries)
}

function listFor(builder: Builder, schema: Schema, key: string | undefined): JSONValue {
  const items = Array.isArray(schema.items) ? schema.items[0] : schema.items
  const type = typeOf(resolved(builder, items))
  if (type === 'number' || type === 'integer') return builder.numbers.splice(0)
  if (type !== 'string') {
    const item = builder.depth < depthMax ? valueFor(builder, items, key) : undefined
    return item === undefined ? [] : [item]
  }
  const text = said(builder.text, key) ?? remainder(builder.text)
  const words =
    builder.quoted.length > 0 ? builder.quoted.splice(0) : text.split(/\s*,\s*|\s+and\s+/)
  return words.filter((word) => word !== '')
}

function numberFor(builder: Builder, schema: Schema, key: string | undefined): JSONValue {
  const named = Number.parseFloat(said(builder.text, key) ?? '')
  if (!Number.isNaN(named)) {
    builder.numbers = builder.numbers.filter((number) => number !== named)
    return named
  }
  const fallback = typeof schema.default === 'number' ? schema.default : (schema.minimum ?? 1)
  return builder.numbers.shift() ?? fallback
}

function booleanFor(builder: Builder, schema: Schema, key: string | undefined): JSONValue {
  const word = said(builder.text, key)?.toLowerCase()
  if (word === undefined) return schema.default === true
  return !/^(?:no|off|false)\b/.test(word)
}

function stringFor(builder: Builder, schema: Schema, key: string | undefined): JSONValue {
  const text =
    said(builder.text, key) ??
    builder.quoted.shift() ??
    ofFormat(builder.text, schema.format) ??
    (typeof schema.default === 'string' ? schema.default : undefined) ??
    remainder(builder.text)
  const [example] = Array.isArray(schema.examples) ? schema.examples : []
  return text !== '' ? text : typeof example === 'string' ? example : 'demo'
}

const formats: ReadonlyMap<string, RegExp> = new Map([
  ['email', /[^\s@]+@[^\s@,;]+\.\w+/],
  ['uri', /https?:\/\/\S+/],
  ['date', /\d{4}-\d\d-\d\d/],
])

const ofFormat = (text: string, format = ''): string | undefined =>
  formats.get(format)?.exec(text)?.[0]

function choiceOf(builder: Builder, choices: readonly JSONValue[]): JSONValue {
  const text = builder.text.toLowerCase()
  return choices.find((choice) => text.includes(spelled(choice))) ?? choices[0] ?? null
}

const spelled = (choice: JSONValue): string =>
  (typeof choice === 'string' ? choice : JSON.stringify(choice)).toLowerCase()

/** The value that the message gives for a key: "city: Paris", "city=Paris", "city is Paris". */
function said(text: string, key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  const words = key
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .split(/[^\p{L}\d]+/u)
    .map((word) => word.replace(/[^\p{L}\d]/gu, ''))
  const name = words.join('[ _-]?')
  const value = String.raw`(?:"([^"]*)"|([^,;\n"]+?)(?=${valueEnd}))`
  const lead = String.raw`\b${name}\s*(?:[:=]|\bis\b|\bto\b|(?=\s"|\s\d))\s*`
  const match = new RegExp(lead + value, 'iu').exec(text)
  return (match?.[1] ?? match?.[2])?.trim()
}

/** A comma, the end of the sentence, or the next key ends a value that has no quotes. */
const valueEnd = String.raw`\s*(?:[,;\n]|$|[.?!]\s*$|\band\s|\s\w+\s*[:=])`

/** What is left to say, without the words that only lead up to it. */
function remainder(text: string): string {
  return text
    .replace(/^[\s,:;–-]*(?:(?:tool|to|with|for|on|in|about|and|please|of|the)\b[\s,:]*)*/i, '')
    .replace(/[\s.?!]+$/, '')
}
