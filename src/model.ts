/**
 * The model port is the AI SDK's own `LanguageModelV4`. Loom adds one optional method: a model can
 * pass its parts to a callback, one network read at a time. This saves the web stream between model and
 * runner (a promise and a queue entry per token, the larger part of the cost of a live stream). Both
 * ways give the same parts; `test/openai-compatible.test.ts` compares them.
 */
import type {
  LanguageModelV2,
  LanguageModelV3,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import type { Price } from './model/price.ts'

/**
 * A model: a string `provider/model-id`, or a model object of the AI SDK's provider specification 2 to 4.
 * @example
 * ```ts
 * import { createOpenAI } from '@ai-sdk/openai'
 * import type { ModelReference } from 'loomkit'
 *
 * const models: ModelReference[] = ['demo/assistant', createOpenAI({ apiKey: 'key' })('gpt-5-mini')]
 * ```
 */
export type ModelReference = string | LanguageModelV2 | LanguageModelV3 | LanguageModelV4

/**
 * Takes the parts of one network read, in order. If it returns a promise, the model reads no further
 * until that settles, and fails with its reason if it rejects.
 */
export type PartReceiver = (parts: readonly LanguageModelV4StreamPart[]) => void | Promise<void>

export const streamParts: unique symbol = Symbol.for('loom.stream-parts')

/** A model that can pass its parts to a callback. */
export interface DirectModel extends LanguageModelV4 {
  /**
   * Like `doStream`, but resolves at the end of the stream. Rejects if `doStream` would (no answer, an
   * HTTP error, an abort). A failure after the start of the answer is an `error` part.
   */
  [streamParts](options: LanguageModelV4CallOptions, receive: PartReceiver): Promise<void>
}

/** The name of the method that reports, without a call, whether the API has a form for a file. */
export const takesFile: unique symbol = Symbol.for('loom.takes-file')

/** A model that can report, without a call, which files its API accepts. */
export interface FileTaker {
  /** Returns false if the API has no form for this file for any of its models. */
  [takesFile](file: LanguageModelV4FilePart): boolean
}

export function isDirectModel(model: LanguageModelV4): model is DirectModel {
  return streamParts in model
}

export function isFileTaker(model: LanguageModelV4): model is LanguageModelV4 & FileTaker {
  return takesFile in model
}

/**
 * The known facts of a model. A field that is absent is unknown: it is neither 0 nor free.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { createModels, type ModelFacts } from 'loomkit'
 *
 * const models = createModels({ environment: env })
 * const { contextWindow, price }: ModelFacts = await models.facts('openai/gpt-5-mini')
 * ```
 */
export interface ModelFacts {
  /** The context window in tokens. Absent if unknown. */
  contextWindow?: number
  /** The maximum size of a prompt in tokens, if it is less than the window. */
  maxInputTokens?: number
  /** The maximum number of tokens that one call may generate. Absent if unknown. */
  maxOutputTokens?: number
  /** US dollars per million tokens. Absent if unknown. */
  price?: Price
  /** False if the API refuses a temperature. Absent if unknown. */
  temperature?: boolean
  /** The kinds of content that it reads: `text`, `image`, `audio`, `video`, `pdf`. Absent if unknown. */
  input?: readonly string[]
  /** True if the provider reports the cost with each answer. */
  reportsCost?: boolean
}

/**
 * A model in the result of `Models.search`. A field that is absent is unknown.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { createModels, type ListedModel } from 'loomkit'
 *
 * const { models } = await createModels({ environment: env }).search({ query: 'mini' })
 * const ids = models.map(({ id, configured }: ListedModel) => (configured ? id : `${id} (no key)`))
 * ```
 */
export interface ListedModel extends Omit<ModelFacts, 'reportsCost' | 'temperature'> {
  /** `provider/model-id`, as an agent's `model` names it. */
  id: string
  /** The name for people. */
  name: string
  /** True if the key of its provider is set. */
  configured: boolean
  /** True if the model can reason before it answers. Absent if unknown. */
  reasoning?: boolean
  /** True if the model can call tools. Absent if unknown. */
  tools?: boolean
  /** True if the model can answer in the form of a JSON schema. Absent if unknown. */
  structuredOutput?: boolean
  /** The kinds of content that it generates, with the names of `input`. Absent if unknown. */
  output?: readonly string[]
  /** The date of its release, as models.dev has it: `2025-08-07`. Absent if unknown. */
  releaseDate?: string
  /** `alpha`, `beta` or `deprecated`. Absent for an ordinary model. */
  status?: string
}

/** The result of a search in the list of models. */
export interface ModelList {
  /** The matches, at most `limit` of the search. */
  models: ListedModel[]
  /** The count of all matches, including those that the limit left off. */
  total: number
  /** Ids of the known providers whose key is set. */
  providers: string[]
}

/** A search in the list of models. */
export interface ModelSearch {
  /** Words that must all be in the id or the name. @defaultValue none: every model */
  query?: string
  /** Only models of providers with a key. @defaultValue false */
  configured?: boolean
  /** The maximum number of models in the result. @defaultValue 100 */
  limit?: number
}

/**
 * Resolves model references. `createModels` returns an object of this type.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { createModels, type Models } from 'loomkit'
 *
 * const models: Models = createModels({ environment: env })
 * const model = await models.resolve('demo/assistant')
 * ```
 */
export interface Models {
  /**
   * Returns the model of a reference. The same string resolves to the same object.
   * @throws LoomError `unknown-model`, `missing-key`, or `invalid-config` for a bad base URL. The message
   * is one line and names the setting.
   */
  resolve(reference: ModelReference): Promise<LanguageModelV4>
  /**
   * Returns the known facts of a model. For a model at an address that the user set, they are those of the
   * listed model with the same name. Never rejects.
   */
  facts(reference: ModelReference): Promise<ModelFacts>
  /**
   * Returns the reason why a model that resolves may still not exist, with similar names. Returns undefined
   * if there is none. Never rejects.
   */
  doubt(reference: ModelReference): Promise<string | undefined>
  /** Returns the known models. Models whose provider has a key come first. */
  search(search?: ModelSearch): Promise<ModelList>
  /** The providers that the settings name, such as `demo`. The registry is not read for this list. */
  readonly providers: readonly string[]
  /** Replaces every configured API key in a text. */
  redact(text: string): string
}
