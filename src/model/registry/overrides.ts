/**
 * The user's overrides of providers and models, which replace fields of the list. The file has the form
 * of models.dev's JSON and needs only the changed fields:
 * `{"corp": {"api": "https://llm.corp/v1", "env": ["CORP_KEY"], "models": {"m": {"limit": {"context": 32000}}}}}`.
 */
import { readFile } from 'node:fs/promises'

import { errorMessage, LoomError } from '../../ground/error.ts'
import { objectIn } from '../../ground/fields.ts'
import { type ModelEntry, modelsOf, type ProviderEntry, readProvider } from './entry.ts'

/** The user's entries for providers and models. `overridesOf` returns them. */
export interface Overrides {
  /** The changed fields of providers, by the id of the provider. */
  providers: ReadonlyMap<string, Partial<ProviderEntry>>
  /** Models by provider, then by id. */
  models: ReadonlyMap<string, ReadonlyMap<string, ModelEntry>>
}

export const noOverrides: Overrides = { providers: new Map(), models: new Map() }

/** @throws LoomError `invalid-config` if the file is not readable or has another form. */
export async function readOverrides(path: string): Promise<Overrides> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new LoomError('invalid-config', `LOOM_MODELS_PATH: ${errorMessage(error)}`, {
      cause: error,
    })
  }
  return overridesOf(value)
}

/**
 * Reads overrides from a parsed JSON value in the form of models.dev's list. Each entry may be partial: its
 * fields override those of the list.
 * @throws LoomError `invalid-config` if the value or one of its providers is not an object
 * @example
 * ```ts
 * import { overridesOf, Registry } from 'loomkit'
 *
 * const models = { small: { limit: { context: 32_000 } } }
 * const overrides = overridesOf({ corp: { api: 'https://llm.example.com/v1', env: ['CORP_KEY'], models } })
 * const registry = new Registry({ overrides })
 * ```
 */
export function overridesOf(value: unknown): Overrides {
  const fields = objectIn(value)
  if (fields === undefined) throw bad('must hold an object of providers')
  const providers = new Map<string, Partial<ProviderEntry>>()
  const models = new Map<string, ReadonlyMap<string, ModelEntry>>()
  for (const [id, item] of Object.entries(fields)) {
    const provider = readProvider(id, item)
    if (provider === undefined) throw bad(`must hold an object at ${JSON.stringify(id)}`)
    providers.set(id, named(provider, item))
    models.set(id, new Map(modelsOf(item).map((model) => [model.id, model])))
  }
  return { providers, models }
}

/** Only the fields in the file itself: `readProvider` fills in the rest. */
function named(provider: ProviderEntry, item: unknown): Partial<ProviderEntry> {
  const fields = objectIn(item) ?? {}
  return Object.fromEntries(Object.entries(provider).filter(([key]) => key in fields))
}

const bad = (what: string) => new LoomError('invalid-config', `LOOM_MODELS_PATH ${what}.`)
