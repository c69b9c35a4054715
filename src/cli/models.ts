import type { Environment } from '../config.ts'
/** `loom models`: what may be named as a model, as far as it is known. */
import { demoModelIds } from '../model/demo.ts'
import { createModels } from '../model/resolve.ts'
import type { CommandWorld } from './app.ts'

export interface ListModelsOptions {
  /** Words that a name must all hold. */
  query: string
  isJson: boolean
}

export async function listModels(
  { program }: CommandWorld,
  { query, isJson }: ListModelsOptions,
): Promise<string> {
  const names = modelNames(program.env, query)
  if (isJson) return `${JSON.stringify({ models: names })}\n`
  return names.length === 0 ? 'No model is known by these words.\n' : `${names.join('\n')}\n`
}

/** The models that are known; of other providers, how their names begin: which they have, only they know. */
export function modelNames(environment: Environment, query = ''): string[] {
  const words = query.toLowerCase().split(/\s+/)
  const { providers } = createModels({ environment })
  const names = [
    ...demoModelIds.map((id) => `demo/${id}`),
    ...providers.filter((provider) => provider !== 'demo').map((provider) => `${provider}/`),
  ]
  return names.filter((name) => words.every((word) => name.includes(word)))
}
