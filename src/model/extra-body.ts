/**
 * Adds `providerOptions.loom.extraBody` to the AI SDK's provider packages, which send only the fields
 * that they know. A private header carries it from the call to Loom's `fetch`, because headers are the
 * only thing that the packages pass on unchanged. `fetch` removes the header, so it is never sent.
 */
import type {
  JSONObject,
  JSONValue,
  LanguageModelV4,
  LanguageModelV4CallOptions,
} from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { isJsonObject, mergeObjects } from '../ground/merge.ts'
import { wrapModel } from './wrap-model.ts'

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
    const headerValue = headers.get(headerName)
    if (headerValue === null) return fetch(input, init)
    headers.delete(headerName)
    if (typeof init?.body !== 'string') return fetch(input, { ...init, headers })
    const extraBody: JSONObject = JSON.parse(decodeURIComponent(headerValue))
    const body: JSONObject = JSON.parse(init.body)
    return fetch(input, { ...init, headers, body: JSON.stringify(mergeObjects(body, extraBody)) })
  }
}

/** Wraps the model so that it passes the extra body of each call to `fetchWithExtraBody`. */
export function withExtraBody(model: LanguageModelV4): LanguageModelV4 {
  return wrapModel(model, {
    doGenerate: async (options) => model.doGenerate(carryExtraBody(options)),
    doStream: async (options) => model.doStream(carryExtraBody(options)),
  })
}

function carryExtraBody(options: LanguageModelV4CallOptions): LanguageModelV4CallOptions {
  const extraBody = extraBodyOf(options)
  if (extraBody === undefined) return options
  const { loom, ...named } = options.providerOptions ?? {}
  const own = loom?.['ownOptions']
  // A caller that does not know the provider may also pass the extra body under the provider's name,
  // alone or merged with its options (`ownOptions`). The package would take it for its own options
  // there, and refuse unknown ones.
  const others = Object.entries(named).filter(([, value]) => value !== extraBody)
  // A header can hold only Latin-1 characters, but JSON any character.
  const headerValue = encodeURIComponent(JSON.stringify(extraBody))
  return {
    ...options,
    headers: { ...options.headers, [headerName]: headerValue },
    providerOptions: { ...Object.fromEntries(others), ...ownOptionsIn(own) },
  }
}

/** Options by the name of their provider, as `extraBody` found them. */
function ownOptionsIn(own: JSONValue | undefined): Record<string, JSONObject> {
  if (!isJsonObject(own)) return {}
  return Object.fromEntries(
    Object.entries(own).flatMap(([name, value]) => (isJsonObject(value) ? [[name, value]] : [])),
  )
}
