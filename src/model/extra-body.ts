/**
 * Lets the AI SDK's provider packages take `providerOptions.loom.extraBody`: they send only the
 * fields they know. It travels from the call to our `fetch` in a private header, for a header is the
 * one thing that the packages pass on untouched; there it is taken off, so it never goes out.
 */
import type { JSONObject, LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { isJsonObject, mergeObjects } from '../ground/merge.ts'

const headerName = 'x-loom-extra-body'

/** The extra body of a call, if there is one. */
function extraBodyOf(options: LanguageModelV4CallOptions): JSONObject | undefined {
  const extraBody = options.providerOptions?.['loom']?.['extraBody']
  if (extraBody === undefined || extraBody === null) return undefined
  if (isJsonObject(extraBody)) return extraBody
  throw new LoomError('invalid-request', 'providerOptions.loom.extraBody must be an object.')
}

/** A `fetch` that merges the extra body into the JSON body of a request. */
export function fetchWithExtraBody(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers)
    const carried = headers.get(headerName)
    if (carried === null) return fetch(input, init)
    headers.delete(headerName)
    if (typeof init?.body !== 'string') return fetch(input, { ...init, headers })
    const extraBody: JSONObject = JSON.parse(decodeURIComponent(carried))
    const body: JSONObject = JSON.parse(init.body)
    return fetch(input, { ...init, headers, body: JSON.stringify(mergeObjects(body, extraBody)) })
  }
}

/** The model, with the extra body of each call put where `fetchWithExtraBody` finds it. */
export function withExtraBody(model: LanguageModelV4): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: model.provider,
    modelId: model.modelId,
    get supportedUrls() {
      return model.supportedUrls
    },
    doGenerate: async (options) => model.doGenerate(carryExtraBody(options)),
    doStream: async (options) => model.doStream(carryExtraBody(options)),
  }
}

function carryExtraBody(options: LanguageModelV4CallOptions): LanguageModelV4CallOptions {
  const extraBody = extraBodyOf(options)
  if (extraBody === undefined) return options
  // A caller that does not know whose model this is may say it under the provider's name as well;
  // there the package would take it for options of its own, and refuse what is none.
  const others = Object.entries(options.providerOptions ?? {}).filter(
    ([name, value]) => name !== 'loom' && value !== extraBody,
  )
  // A header holds Latin-1 only, JSON any character.
  const carried = encodeURIComponent(JSON.stringify(extraBody))
  return {
    ...options,
    headers: { ...options.headers, [headerName]: carried },
    providerOptions: Object.fromEntries(others),
  }
}
