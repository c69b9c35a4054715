/** Opens models of the AI SDK's provider packages. Each package loads when its first model opens. */
import type { LanguageModelV4 } from '@ai-sdk/provider'

import { fetchWithBodyForms } from './body-forms/fetch.ts'
import { eventStreamFetch } from './event-stream-fetch.ts'
import { fetchWithExtraBody, withExtraBody } from './extra-body.ts'
import { fetchWithOriginals, withPlaceholders } from './placeholders.ts'
import { withUnknownItems } from './unknown-items.ts'

/** The package `@ai-sdk/<name>` that supports a protocol. */
export type PackageName = 'anthropic' | 'openai' | 'google'

export interface PackageSettings {
  baseURL: string
  apiKey: string
  headers: Record<string, string>
  /** Uses the proxy of the environment, if there is one. */
  fetch: typeof globalThis.fetch
  /** For OpenAI: the older chat completions instead of responses. */
  completions?: boolean
}

type Open = (settings: PackageSettings, modelId: string) => Promise<LanguageModelV4>

const openers: Readonly<Record<PackageName, Open>> = {
  async anthropic(settings, modelId) {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    return createAnthropic(withFetch(settings)).languageModel(modelId)
  },
  async openai({ completions, ...settings }, modelId) {
    const { createOpenAI } = await import('@ai-sdk/openai')
    const provider = createOpenAI(withFetch(settings))
    return completions === true
      ? provider.chat(modelId)
      : withUnknownItems(provider.languageModel(modelId))
  },
  async google(settings, modelId) {
    const { createGoogle } = await import('@ai-sdk/google')
    return createGoogle(withFetch(settings)).languageModel(modelId)
  },
}

/** Returns a model of the package, which accepts `extraBody` in its provider options. */
export async function openPackageModel(
  name: PackageName,
  settings: PackageSettings,
  modelId: string,
): Promise<LanguageModelV4> {
  const model = withExtraBody(await openers[name](settings, modelId))
  return withPlaceholders(model, { referencesAreText: name === 'google' })
}

const withFetch = ({ completions: _, ...settings }: PackageSettings) => ({
  ...settings,
  // The extra body is added before the body forms apply, so that refused fields of it are left out too.
  fetch: eventStreamFetch(
    fetchWithExtraBody(fetchWithBodyForms(fetchWithOriginals(settings.fetch))),
  ),
})
