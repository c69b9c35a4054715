/**
 * Brings a JSON value closer to a JSON schema, as a person would read it: a number in quotes where a
 * number belongs, another spelling of a choice, null for an optional field, a field too many. The schema
 * itself decides afterwards whether the value is valid.
 */
import type { JSONSchema7, JSONSchema7Definition, JSONValue } from '@ai-sdk/provider'

import { parseJson } from '../../ground/json.ts'
import { isJsonObject } from '../../ground/merge.ts'

/** A schema may contain itself, and a value may be deep. */
const depthMax = 64

/** Returns the value with the mends that the schema asks for; the same value if there are none. */
export function fittedValue(value: JSONValue, schema: JSONSchema7): JSONValue {
  return new Fitting(schema).fit(value, schema, 0)
}

/** Whether the value has the types, choices and fields of the schema. Rules such as `minimum` do not count. */
export const fitsSchema = (value: JSONValue, schema: JSONSchema7): boolean =>
  new Fitting(schema).fits(value, schema, 0)

class Fitting {
  readonly #root: JSONSchema7

  constructor(root: JSONSchema7) {
    this.#root = root
  }

  fit(value: JSONValue, definition: JSONSchema7Definition, depth: number): JSONValue {
    const schema = this.#resolved(definition)
    if (schema === undefined || depth > depthMax) return value
    const branches = schema.anyOf ?? schema.oneOf
    if (branches !== undefined) return this.#fitBranch(value, branches, depth)
    if (schema.allOf !== undefined) {
      return schema.allOf.reduce<JSONValue>((each, part) => this.fit(each, part, depth + 1), value)
    }
    const choices = choicesOf(schema)
    if (choices !== undefined) return choiceOf(value, choices)
    const types = typesOf(schema)
    if (types.length > 1) {
      if (types.some((type) => isOfType(value, type))) return this.#fitInside(value, schema, depth)
      const mends = types.map((type) => ofType(value, type))
      return mends.find((mend) => mend !== undefined) ?? value
    }
    const [type] = types
    const typed =
      type === undefined || isOfType(value, type) ? value : (ofType(value, type) ?? value)
    return this.#fitInside(typed, schema, depth)
  }

  /** Takes the branch that the value fits already, or else the first one that a mended value fits. */
  #fitBranch(
    value: JSONValue,
    branches: readonly JSONSchema7Definition[],
    depth: number,
  ): JSONValue {
    if (branches.some((branch) => this.fits(value, branch, depth))) return value
    for (const branch of branches) {
      const mend = this.fit(value, branch, depth + 1)
      if (this.fits(mend, branch, depth)) return mend
    }
    return value
  }

  #fitInside(value: JSONValue, schema: JSONSchema7, depth: number): JSONValue {
    if (Array.isArray(value)) {
      const { items, prefixItems } = withPrefix(schema)
      return value.map((item, index) => {
        const definition = prefixItems[index] ?? items
        return definition === undefined ? item : this.fit(item, definition, depth + 1)
      })
    }
    if (!isJsonObject(value)) return value
    const { properties = {}, additionalProperties, required = [] } = schema
    const fields = new Map<string, JSONValue>()
    for (const [name, field = null] of Object.entries(value)) {
      const definition = Object.hasOwn(properties, name) ? properties[name] : additionalProperties
      // A schema that allows no other field refuses the whole object for it.
      if (definition === false) continue
      if (definition === undefined || definition === true) fields.set(name, field)
      else {
        const fitted = this.fit(field, definition, depth + 1)
        const isOmitted =
          fitted === null && !required.includes(name) && !this.fits(null, definition, depth)
        if (!isOmitted) fields.set(name, fitted)
      }
    }
    for (const name of required) {
      const definition = properties[name]
      if (fields.has(name) || definition === undefined) continue
      if (this.fits(null, definition, depth)) fields.set(name, null)
    }
    return Object.fromEntries(fields)
  }

  fits(value: JSONValue, definition: JSONSchema7Definition, depth: number): boolean {
    if (typeof definition === 'boolean') return definition
    const schema = this.#resolved(definition)
    if (schema === undefined || depth > depthMax) return true
    const branches = schema.anyOf ?? schema.oneOf
    if (branches !== undefined) {
      return branches.some((branch) => this.fits(value, branch, depth + 1))
    }
    if (schema.allOf?.every((part) => this.fits(value, part, depth + 1)) === false) return false
    const choices = choicesOf(schema)
    if (choices !== undefined) return choices.some((choice) => isEqual(choice, value))
    const types = typesOf(schema)
    if (types.length > 0 && !types.some((type) => isOfType(value, type))) return false
    if (Array.isArray(value)) {
      const { items, prefixItems } = withPrefix(schema)
      return value.every((item, index) =>
        this.fits(item, prefixItems[index] ?? items ?? true, depth + 1),
      )
    }
    if (!isJsonObject(value)) return true
    const { properties = {}, additionalProperties = true, required = [] } = schema
    if (!required.every((name) => Object.hasOwn(value, name))) return false
    return Object.entries(value).every(([name, field = null]) => {
      const own = Object.hasOwn(properties, name) ? properties[name] : undefined
      return this.fits(field, own ?? additionalProperties, depth + 1)
    })
  }

  /** Follows references inside of the schema. Undefined if anything is allowed. */
  #resolved(definition: JSONSchema7Definition): JSONSchema7 | undefined {
    let schema = typeof definition === 'boolean' ? undefined : definition
    for (let steps = 0; schema?.$ref !== undefined; steps++) {
      if (steps > 8) return undefined
      schema = this.#target(schema.$ref)
    }
    return schema
  }

  #target(reference: string): JSONSchema7 | undefined {
    if (!reference.startsWith('#')) return undefined
    let target: unknown = this.#root
    for (const key of reference.split('/').slice(1)) {
      const name = decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~')
      target = typeof target === 'object' && target !== null ? Reflect.get(target, name) : undefined
    }
    return typeof target === 'object' && target !== null ? target : undefined
  }
}

type TypeName = Extract<NonNullable<JSONSchema7['type']>, string>

const typesOf = ({ type, properties }: JSONSchema7): TypeName[] =>
  type === undefined ? (properties === undefined ? [] : ['object']) : [type].flat()

function choicesOf({ enum: list, const: only }: JSONSchema7): readonly unknown[] | undefined {
  return only === undefined ? list : [only]
}

/** Draft 2020-12 has the schemas of a tuple in `prefixItems`, draft 7 in `items`. */
function withPrefix(schema: JSONSchema7): {
  prefixItems: readonly JSONSchema7Definition[]
  items: JSONSchema7Definition | undefined
} {
  const prefix: unknown = Reflect.get(schema, 'prefixItems')
  const { items } = schema
  if (Array.isArray(items)) return { prefixItems: items, items: schema.additionalItems }
  return { prefixItems: Array.isArray(prefix) ? prefix : [], items }
}

function isOfType(value: JSONValue, type: TypeName): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isJsonObject(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** Returns the value in another type, if it has an obvious form there. */
function ofType(value: JSONValue, type: TypeName): JSONValue | undefined {
  const text = typeof value === 'string' ? value.trim() : undefined
  switch (type) {
    case 'number':
    case 'integer': {
      if (text === undefined || !numberText.test(text)) return undefined
      const number = Number(text)
      return type === 'number' || Number.isInteger(number) ? number : undefined
    }
    case 'boolean':
      return text === undefined ? undefined : booleans.get(text.toLowerCase())
    case 'null':
      return text !== undefined && /^(?:null|none|)$/i.test(text) ? null : undefined
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
    case 'array':
    case 'object': {
      const inner = text === undefined ? undefined : containerIn(text)
      return inner !== undefined && isOfType(inner, type) ? inner : undefined
    }
  }
}

const booleans = new Map([
  ['true', true],
  ['false', false],
  ['yes', true],
  ['no', false],
])

/** Some servers encode a value a second time, as a string. */
function containerIn(text: string): JSONValue | undefined {
  if (!/^[{[]/.test(text)) return undefined
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** The choice that the value means, by another spelling or another type. */
function choiceOf(value: JSONValue, choices: readonly unknown[]): JSONValue {
  if (choices.some((choice) => isEqual(choice, value))) return value
  const text = spelling(value)
  const [only, ...others] = choices.filter((choice) => spelling(choice) === text)
  return only === undefined || others.length > 0 || !isScalar(only) ? value : only
}

const isScalar = (value: unknown): value is string | number | boolean | null =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)

const spelling = (value: unknown): string =>
  isScalar(value)
    ? String(value)
        .trim()
        .toLowerCase()
        .replaceAll(/[\s_-]+/g, ' ')
    : JSON.stringify(value)

const isEqual = (one: unknown, other: unknown): boolean =>
  one === other ||
  (!isScalar(one) && !isScalar(other) && JSON.stringify(one) === JSON.stringify(other))
