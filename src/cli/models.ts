/** `loom models`: what may be named as a model, as far as it is known. */
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
  if (isJson) return `${JSON.stringify({ providers: names })}\n`
  if (names.length === 0) return 'No model is known by these words.\n'
  return `${names.map((name) => `${name}/…`).join('\n')}\n`
}

/** Providers that are set up: which models they have, only they know. */
function modelNames(environment: NodeJS.ProcessEnv, query: string): string[] {
  const words = query.toLowerCase().split(/\s+/)
  const { providers } = createModels({ environment })
  return providers.filter((provider) => words.every((word) => provider.includes(word)))
}

/** What a model's name may go on with, for completions. */
export function modelCandidates(environment: NodeJS.ProcessEnv): string[] {
  return ['demo/assistant', ...modelNames(environment, '').map((provider) => `${provider}/`)]
}
