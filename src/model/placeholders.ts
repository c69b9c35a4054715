/**
 * Prompts of many megabytes for the AI SDK's provider packages. A package writes its request body with
 * one `JSON.stringify`, which would hold the event loop for 200 ms at 48 MB. So the package receives a
 * short placeholder in place of each large value, and writes a small body. Our `fetch` puts the values
 * back, a piece at a time. The provider receives the same bytes as from the package alone.
 *
 * No body is signed by these packages. A package that signs its body (Amazon Bedrock) must not use this:
 * the signature would be that of the small body.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { isOnePiece } from '../ground/json/pieces.ts'
import { Originals } from './placeholders/originals.ts'
import { type PlaceholderForm, promptWithPlaceholders } from './placeholders/prompt.ts'
import { restoredBody } from './placeholders/restored-body.ts'
import { wrapModel } from './wrap-model.ts'

/** Carries the name of a call's originals to our `fetch`, which removes it. */
const headerName = 'x-loom-placeholders'

/** The originals of the open calls, by their names. */
const open = new Map<string, Originals>()
/** A package may send a body again while its answer streams (Google's long answers do). */
const streams = new FinalizationRegistry<string>((name) => open.delete(name))

/**
 * Returns the model, which replaces the large values of a large prompt. The request bodies in its results
 * and errors hold the placeholders.
 */
export function withPlaceholders(model: LanguageModelV4, form: PlaceholderForm): LanguageModelV4 {
  return wrapModel(model, {
    async doGenerate(options) {
      if (isOnePiece(options.prompt)) return model.doGenerate(options)
      const originals = new Originals()
      try {
        return await model.doGenerate(await replaced(options, originals, form))
      } finally {
        open.delete(originals.name)
      }
    },
    async doStream(options) {
      if (isOnePiece(options.prompt)) return model.doStream(options)
      const originals = new Originals()
      try {
        const result = await model.doStream(await replaced(options, originals, form))
        streams.register(result.stream, originals.name)
        return result
      } catch (error) {
        open.delete(originals.name)
        throw error
      }
    },
  })
}

async function replaced(
  options: LanguageModelV4CallOptions,
  originals: Originals,
  form: PlaceholderForm,
): Promise<LanguageModelV4CallOptions> {
  const prompt = await promptWithPlaceholders(options, originals, form)
  open.set(originals.name, originals)
  return { ...options, prompt, headers: { ...options.headers, [headerName]: originals.name } }
}

/** A `fetch` that sends the originals in place of the placeholders. */
export function fetchWithOriginals(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers)
    const name = headers.get(headerName)
    if (name === null) return fetch(input, init)
    headers.delete(headerName)
    const originals = open.get(name)
    if (originals === undefined || typeof init?.body !== 'string') {
      throw new Error('The large values of this request are gone. Send the message again.')
    }
    const body = await restoredBody(init.body, originals, init.signal)
    return fetch(input, { ...init, headers, body })
  }
}
