/**
 * Converts a model object of provider specification 2 or 3 to a `LanguageModelV4`, one version at a
 * time. Only the call and its result are translated. The runner handles retries, limits and errors, as
 * for any model.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import type { ModelReference } from '../model.ts'
import { v3OfV2 } from './adapt-v2.ts'
import { v4OfV3 } from './adapt-v3.ts'

/**
 * Returns a `LanguageModelV4` unchanged, and any other model in a wrapper.
 * @throws LoomError `unknown-model` for a value that is not a model of specification 2, 3 or 4.
 */
export function adaptModel(model: Exclude<ModelReference, string>): LanguageModelV4 {
  // The type allows three versions, but a caller without types can pass any value.
  const version = specificationVersionOf(model)
  if (version !== undefined) {
    if (model.specificationVersion === 'v4') return model
    if (model.specificationVersion === 'v3') return v4OfV3(model)
    if (model.specificationVersion === 'v2') return v4OfV3(v3OfV2(model))
  }
  throw new LoomError(
    'unknown-model',
    version === undefined
      ? 'A model must be a string of the form "provider/model-id" or a model object of the AI SDK.'
      : `A model object of specification version ${JSON.stringify(version)} cannot be used: Loom takes "v2", "v3" and "v4".`,
  )
}

function specificationVersionOf(model: unknown): unknown {
  if (typeof model !== 'object' && typeof model !== 'function') return undefined
  return model !== null && 'specificationVersion' in model ? model.specificationVersion : undefined
}
