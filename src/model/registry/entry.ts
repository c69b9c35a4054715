/**
 * What Loom keeps of a provider and of a model of models.dev, and the reading of their JSON. The traps
 * of that format end here: a context or an output of 0 is not known, no cost is not known (and not
 * free), and `context_over_200k` repeats a tier under a wrong size where there are tiers.
 */
import { type Fields, objectIn } from '../../ground/fields.ts'
import type { Price, PriceTier, Rates } from '../price.ts'

export interface ProviderEntry {
  id: string
  name: string
  /** Variables of the environment that it needs: its key, and what its address is made of. */
  env: readonly string[]
  /** The AI SDK package that speaks its protocol. */
  npm?: string
  /** Its address; may hold `${VARIABLES}`. */
  api?: string
}

export interface ModelEntry {
  /** May hold slashes and colons. */
  id: string
  name?: string
  /** In tokens; absent where unknown, as are the next two. */
  contextWindow?: number
  /** The part of the window that a prompt may fill, where that is less. */
  maxInputTokens?: number
  maxOutputTokens?: number
  price?: Price
  reasoning?: boolean
  tools?: boolean
  structuredOutput?: boolean
  /** False where the API refuses a temperature. */
  temperature?: boolean
  /** `text`, `image`, `audio`, `video`, `pdf`. */
  input?: readonly string[]
  output?: readonly string[]
  releaseDate?: string
  status?: string
  /** Where the model is spoken to in another way than its provider's others. */
  npm?: string
  api?: string
  /** Which of OpenAI's two protocols: `responses` or `completions`. */
  shape?: string
}

const idLengthMax = 512

/** Undefined for what is no provider. Of a partial one the rest is filled in. */
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

/** Undefined for what is no model. A field that is missing or of a wrong type is left out. */
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
    // What a tier does not name costs as below it.
    return [{ above, ...base, ...rates }]
  })
}

function readRates(fields: Fields): Rates | undefined {
  const input = amountOf(fields['input'])
  const output = amountOf(fields['output'])
  if (input === undefined || output === undefined) return undefined
  // A 0 here means "no price of its own" where the plain tokens do cost: nobody thinks, or reads
  // what is to be cached, for nothing. Reading from a cache is free at some.
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
