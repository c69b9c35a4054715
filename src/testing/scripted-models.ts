/** Scripted models by name, for agents that name their model. */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import type { ModelFacts, Models } from '../model.ts'
import { adaptModel } from '../model/adapt.ts'

/**
 * Returns models for the `models` option of `run`, `Loom` and `startAgent`: each name resolves to its model.
 * A model object resolves to itself. Any other name fails with `unknown-model`, so a test never calls a
 * provider.
 * @param models the models by name; a fact that is absent is unknown
 * @param facts the facts of models by name, such as `contextWindow` and `price`. @defaultValue none
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 * import { scriptedModel, scriptedModels } from 'loomkit/testing'
 *
 * const agent = defineAgent({ name: 'greeter', systemPrompt: 'Greet.', model: 'openai/gpt-5-mini' })
 * const models = scriptedModels({ 'openai/gpt-5-mini': scriptedModel(['Hello.']) })
 * const { text } = await run(agent, 'Hi', { models })
 * ```
 */
export function scriptedModels(
  models: Readonly<Record<string, LanguageModelV4>>,
  facts: Readonly<Record<string, ModelFacts>> = {},
): Models {
  const names = Object.keys(models)
  return {
    async resolve(reference) {
      if (typeof reference !== 'string') return adaptModel(reference)
      const model = Object.hasOwn(models, reference) ? models[reference] : undefined
      if (model !== undefined) return model
      throw new LoomError(
        'unknown-model',
        `The test has no scripted model ${JSON.stringify(reference)}. It has: ${names.join(', ') || 'none'}.`,
      )
    },
    facts: async (reference) =>
      typeof reference === 'string' && Object.hasOwn(facts, reference)
        ? (facts[reference] ?? {})
        : {},
    doubt: async () => undefined,
    async search({ query = '', limit = 100 } = {}) {
      const words = query.toLowerCase().split(/\s+/)
      const found = names
        .filter((id) => words.every((word) => id.toLowerCase().includes(word)))
        .map((id) => ({ id, name: id, configured: true, ...facts[id] }))
      return { models: found.slice(0, limit), total: found.length, providers: providersOf(names) }
    },
    providers: providersOf(names),
    redact: (text) => text,
  }
}

const providersOf = (names: readonly string[]): string[] => [
  ...new Set(names.map((name) => name.split('/')[0] ?? name)),
]
