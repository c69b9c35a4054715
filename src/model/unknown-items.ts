/**
 * OpenAI's Responses API stores the items of its answers, and a request may name them by id. The API
 * refuses a request that names an item which it does not have: after thirty days, with the key of
 * another organisation, or without the neighbour of the item ("Item 'rs_1' of type 'reasoning' was
 * provided without its required following item"). The request is then repeated with the content of the
 * items. Nothing of the conversation is lost except reasoning, which only the API can read.
 */
import { APICallError } from '@ai-sdk/provider'
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'

import { wrapModel } from './wrap-model.ts'

const refusal =
  /item with id ['"`]?[\w-]+['"`]? (?:was )?not found|provided without its required|no (?:tool|function) call found for|(?:rs|msg|fc|ws)_\w+['"`]? (?:was )?not found/i
const providers = ['openai', 'azure']
/** The greatest count of missing items, over all conversations of the process. */
const knownMax = 4000

/** Wraps the model so that it repeats a request without ids if the API does not have the items. */
export function withUnknownItems(model: LanguageModelV4): LanguageModelV4 {
  const missing = new Set<string>()
  const ask = async <RESULT>(
    options: LanguageModelV4CallOptions,
    call: (options: LanguageModelV4CallOptions) => PromiseLike<RESULT>,
  ): Promise<RESULT> => {
    const ids = idsOf(options.prompt)
    const hasMissing = ids.some((id) => missing.has(id))
    try {
      return await call(hasMissing ? byValue(options) : options)
    } catch (error) {
      if (hasMissing || ids.length === 0 || !isRefusal(error)) throw error
      const result = await call(byValue(options))
      for (const id of ids) missing.add(id)
      for (const id of missing) if (missing.size > knownMax) missing.delete(id)
      return result
    }
  }
  return wrapModel(model, {
    doGenerate: (options) => ask(options, (callOptions) => model.doGenerate(callOptions)),
    doStream: (options) => ask(options, (callOptions) => model.doStream(callOptions)),
  })
}

const isRefusal = (error: unknown) =>
  APICallError.isInstance(error) &&
  (error.statusCode === 400 || error.statusCode === 404) &&
  refusal.test(error.responseBody ?? error.message)

type Prompt = LanguageModelV4CallOptions['prompt']

function idsOf(prompt: Prompt): string[] {
  return prompt.flatMap((message) =>
    typeof message.content === 'string'
      ? []
      : message.content.flatMap(({ providerOptions }) =>
          providers.flatMap((provider) => {
            const id = providerOptions?.[provider]?.['itemId']
            return typeof id === 'string' ? [id] : []
          }),
        ),
  )
}

function byValue(options: LanguageModelV4CallOptions): LanguageModelV4CallOptions {
  const prompt = options.prompt.map((message) => {
    if (message.role !== 'assistant') return message
    // Provider-executed calls can go back only by id.
    const own = new Set(
      message.content.flatMap((part) =>
        part.type === 'tool-call' && part.providerExecuted === true ? [part.toolCallId] : [],
      ),
    )
    const content = message.content.filter(
      (part) =>
        part.type !== 'custom' &&
        part.type !== 'tool-result' &&
        !(part.type === 'tool-call' && own.has(part.toolCallId)),
    )
    return { ...message, content: content.map(withoutId) }
  })
  return { ...options, prompt }
}

function withoutId<PART extends { providerOptions?: SharedV4ProviderOptions }>(part: PART): PART {
  const { providerOptions } = part
  if (providerOptions === undefined) return part
  const changed = Object.entries(providerOptions).map(([provider, options]) => {
    const { itemId: _, ...rest } = options
    return [provider, providers.includes(provider) ? rest : options]
  })
  return { ...part, providerOptions: Object.fromEntries(changed) }
}
