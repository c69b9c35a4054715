/** A model around another one: the same identity, and calls of its own. */
import type { LanguageModelV4 } from '@ai-sdk/provider'

type Identity = Pick<LanguageModelV4, 'provider' | 'modelId' | 'supportedUrls'>
type Calls = Pick<LanguageModelV4, 'doGenerate' | 'doStream'>

/** Returns a model with the identity of `model` and with these calls. */
export function wrapModel(model: Identity, { doGenerate, doStream }: Calls): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: model.provider,
    modelId: model.modelId,
    // Read at each use, because a package may compute it from settings that load later.
    get supportedUrls() {
      return model.supportedUrls
    },
    doGenerate,
    doStream,
  }
}
