/**
 * The providers and models of models.dev in Loom's form, and the reading of their JSON. This module
 * handles the special cases of that format: a context or an output of 0 is unknown, a missing cost is
 * unknown (and not free), and `context_over_200k` repeats a tier with a wrong size if there are tiers.
 */
import { type Fields, objectIn } from '../../ground/fields.ts'
import type { Price, PriceTier, Rates } from '../price.ts'

/** A provider of the list of models. */
export interface ProviderEntry {
  /** The id, with which a model reference begins. */
  id: string
  /** The name for people. */
  name: string
  /** The variables of the environment that it needs: its key, and the parts of its address. */
  env: readonly string[]
  /** The AI SDK package for its protocol. Absent for an OpenAI-compatible API. */
  npm?: string
  /** The address of its API, which may contain `${VARIABLES}`. Absent if the package has it. */
  api?: string
}

/** A model of the list. */
export interface ModelEntry {
  /** The id, which may contain slashes and colons. */
  id: string
  /** The name for people. Absent if the list has none. */
  name?: string
  /** The context window in tokens. Absent if unknown. */
  contextWindow?: number
  /** The maximum size of a prompt in tokens, if it is less than the window. Absent if unknown. */
  maxInputTokens?: number
  /** The maximum number of tokens that a call may generate. Absent if unknown. */
  maxOutputTokens?: number
  /** The price in US dollars per million tokens. Absent if unknown. */
  price?: Price
  /** True if the model can reason before it answers. Absent if unknown. */
  reasoning?: boolean
  /** True if the model can call tools. Absent if unknown. */
  tools?: boolean
  /** True if the model can answer in the form of a JSON schema. Absent if unknown. */
  structuredOutput?: boolean
  /** False if the API refuses a temperature. Absent if unknown. */
  temperature?: boolean
  /** The kinds of content that it reads: `text`, `image`, `audio`, `video`, `pdf`. Absent if unknown. */
  input?: readonly string[]
  /** The kinds of content that it generates, with the names of `input`. Absent if unknown. */
  output?: readonly string[]
  /** The date of its release, as models.dev has it: `2025-08-07`. Absent if unknown. */
  releaseDate?: string
  /** `alpha`, `beta` or `deprecated`. Absent for an ordinary model. */
  status?: string
  /** The AI SDK package for its protocol. Absent if it is that of its provider. */
  npm?: string
  /** The address of its API. Absent if it is that of its provider. */
  api?: string
  /** The protocol of OpenAI, `responses` or `completions`. Absent if the list names none. */
  shape?: string
}

const idLengthMax = 512

/** Returns undefined if the value is not a provider. Missing fields of a provider get defaults. */
export function readProvider(id: string, value: unknown): ProviderEntry | undefined {
  const fields = objectIn(value)
  if (fields === undefined || !isId(id)) return undefined
  const npm = textOf(fields['npm'])
  const api = textOf(fields['api'])
  return {
    id,
    name: textOf(fields['name']) ?? id,
    env: textsOf(fields['env']) ?? [],
    ...(npm !== undefined && { npm }),
    ...(api !== undefined && { api }),
  }
}

/** Returns undefined if the value is not a model. A field that is missing or has a wrong type is left out. */
export function readModel(id: string, value: unknown): ModelEntry | undefined {
  const fields = objectIn(value)
  if (fields === undefined || !isId(id)) return undefined
  const limit = objectIn(fields['limit']) ?? {}
  const modalities = objectIn(fields['modalities']) ?? {}
  const provider = objectIn(fields['provider']) ?? {}
  const entry = {
    name: textOf(fields['name']),
    contextWindow: knownCount(limit['context']),
    maxInputTokens: knownCount(limit['input']),
    maxOutputTokens: knownCount(limit['output']),
    price: readPrice(fields['cost']),
    reasoning: flagOf(fields['reasoning']),
    tools: flagOf(fields['tool_call']),
    structuredOutput: flagOf(fields['structured_output']),
    temperature: flagOf(fields['temperature']),
    input: textsOf(modalities['input']),
    output: textsOf(modalities['output']),
    releaseDate: textOf(fields['release_date']),
    status: textOf(fields['status']),
    npm: textOf(provider['npm']),
    api: textOf(provider['api']),
    shape: textOf(provider['shape']),
  }
  return { id, ...withoutUndefined(entry) }
}

export function readPrice(value: unknown): Price | undefined {
  const fields = objectIn(value)
  const base = fields && readRates(fields)
  if (fields === undefined || base === undefined) return undefined
  const tiers = tiersOf(fields, base).sort((a, b) => a.above - b.above)
  return tiers.length === 0 ? base : { ...base, tiers }
}

function tiersOf(fields: Fields, base: Rates): PriceTier[] {
  const { tiers } = fields
  if (!Array.isArray(tiers)) {
    const over = objectIn(fields['context_over_200k'])
    const rates = over && readRates({ ...base, ...over })
    return rates === undefined ? [] : [{ above: 200_000, ...base, ...rates }]
  }
  return tiers.flatMap((tier: unknown) => {
    const fields = objectIn(tier)
    const condition = objectIn(fields?.['tier'])
    const above = amountOf(condition?.['size'])
    const rates = fields && readRates({ ...base, ...fields })
    if (condition?.['type'] !== 'context' || above === undefined || rates === undefined) return []
    // A rate that a tier does not name is the rate below it.
    return [{ above, ...base, ...rates }]
  })
}

function readRates(fields: Fields): Rates | undefined {
  const input = amountOf(fields['input'])
  const output = amountOf(fields['output'])
  if (input === undefined || output === undefined) return undefined
  // A 0 means "no separate price" if plain tokens have a price: no provider gives reasoning or cache
  // writes for free. Cache reads are free at some providers.
  const reasoning = amountOf(fields['reasoning']) || undefined
  const cacheWrite = amountOf(fields['cache_write']) || undefined
  const cacheRead = amountOf(fields['cache_read'])
  return { input, output, ...withoutUndefined({ reasoning, cacheRead, cacheWrite }) }
}

type Defined<FIELDS> = { [KEY in keyof FIELDS]?: Exclude<FIELDS[KEY], undefined> }

function withoutUndefined<FIELDS extends object>(fields: FIELDS): Defined<FIELDS>
function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

const isId = (id: string) => id !== '' && id.length <= idLengthMax
const textOf = (value: unknown) =>
  typeof value === 'string' && value !== '' && value.length <= 1000 ? value : undefined
const textsOf = (value: unknown) =>
  Array.isArray(value) ? value.filter((item) => textOf(item) !== undefined).map(String) : undefined
const flagOf = (value: unknown) => (typeof value === 'boolean' ? value : undefined)
const amountOf = (value: unknown) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
const knownCount = (value: unknown) => amountOf(value) || undefined

/** Returns the models of a provider's entry. A model that cannot be read is left out. */
export function modelsOf(provider: unknown): ModelEntry[] {
  const models = objectIn(objectIn(provider)?.['models']) ?? {}
  return Object.entries(models).flatMap(([id, model]) => readModel(id, model) ?? [])
}
