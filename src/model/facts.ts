/** The registry's facts of a referenced model, and its doubt whether the model exists. */
import { didYouMean } from '../ground/nearest.ts'
import type { ModelFacts } from '../model.ts'
import { nearestModels } from './nearest-models.ts'
import type { Registry } from './registry.ts'

interface Reference {
  provider: string
  modelId: string
  isElsewhere: boolean
}

/** Packages whose providers report the cost of a call. */
const reportCost = new Set(['@openrouter/ai-sdk-provider'])

const nothing: ModelFacts = {}

export async function factsOf(
  reference: Reference | undefined,
  registry: Registry,
): Promise<ModelFacts> {
  if (reference === undefined) return nothing
  const { provider: name, modelId, isElsewhere } = reference
  try {
    // Mostly a proxy for the provider's models. A server with other models has other names for them.
    if (isElsewhere) return (await registry.standing(name, modelId)) ?? nothing
    const provider = await registry.provider(name)
    if (provider === undefined) return nothing
    const model = await registry.model(provider.id, modelId)
    const reportsCost = reportCost.has(model?.npm ?? provider.npm ?? '')
    return { ...model, ...(reportsCost && { reportsCost }) }
  } catch {
    // A call of a model works even if the list of models is not readable.
    return nothing
  }
}

export async function doubtOf(
  reference: Reference | undefined,
  registry: Registry,
): Promise<string | undefined> {
  if (reference === undefined || reference.isElsewhere) return undefined
  try {
    const provider = await registry.provider(reference.provider)
    if (provider === undefined) return undefined
    if ((await registry.model(provider.id, reference.modelId)) !== undefined) return undefined
    const ids = (await registry.models(provider.id)).map(({ id }) => id)
    if (ids.length === 0) return undefined
    const id = JSON.stringify(reference.modelId.slice(0, 80))
    const guess = didYouMean(nearestModels(reference.modelId, ids))
    return `${provider.name} is not known to have a model ${id}.${guess}`
  } catch {
    return undefined
  }
}
