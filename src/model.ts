/**
 * The model port is the AI SDK's own `LanguageModelV4`. Loom adds one optional door to it: a model
 * may hand its parts to a callback, a network read at a time, which spares the web stream between
 * model and runner (a promise and a queue entry a token, the larger part of the cost of a live
 * stream). The parts are the same by either door; `test/openai-compatible.test.ts` holds them equal.
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

/** `provider/model-id`, or any model object of the AI SDK's provider specification 2 to 4. */
export type ModelReference = string | LanguageModelV2 | LanguageModelV3 | LanguageModelV4

/**
 * Takes the parts of one network read, in order. If it returns a promise, the model reads no further
 * until that settles, and fails with its reason if it rejects.
 */
export type PartReceiver = (parts: readonly LanguageModelV4StreamPart[]) => void | Promise<void>

export const streamParts: unique symbol = Symbol.for('loom.stream-parts')

/** A model with the direct door. */
export interface DirectModel extends LanguageModelV4 {
  /**
   * As `doStream`, but resolves when the stream has ended. Rejects where `doStream` would (no answer,
   * an HTTP error, an abort); a failure after the answer began is an `error` part.
   */
  [streamParts](options: LanguageModelV4CallOptions, receive: PartReceiver): Promise<void>
}

/** A method of a model: whether its API has a form for a file, told without a call. */
export const takesFile: unique symbol = Symbol.for('loom.takes-file')

/** A model that knows before a call which files its API takes. */
export interface FileTaker {
  /** False where the API has no form for this file, whatever model stands behind it. */
  [takesFile](file: LanguageModelV4FilePart): boolean
}

export function isDirectModel(model: LanguageModelV4): model is DirectModel {
  return streamParts in model
}

export function isFileTaker(model: LanguageModelV4): model is LanguageModelV4 & FileTaker {
  return takesFile in model
}

/** What is known of a model. What is missing is not known, and neither 0 nor free. */
export interface ModelFacts {
  /** In tokens, as the next two. */
  contextWindow?: number
  /** The part of the window that a prompt may fill, where that is less. */
  maxInputTokens?: number
  maxOutputTokens?: number
  price?: Price
  /** False where the API refuses a temperature. */
  temperature?: boolean
  /** The kinds of content it reads: `text`, `image`, `audio`, `video`, `pdf`. */
  input?: readonly string[]
  /** True where the provider says with each answer what it cost. */
  reportsCost?: boolean
}

/** A model as a list shows it. */
export interface ListedModel extends Omit<ModelFacts, 'reportsCost' | 'temperature'> {
  /** `provider/model-id`: what an agent's `model` may be. */
  id: string
  name: string
  /** Whether its provider's key is set. */
  configured: boolean
  reasoning?: boolean
  tools?: boolean
  structuredOutput?: boolean
  /** The kinds of content it makes, as `input` names them. */
  output?: readonly string[]
  releaseDate?: string
  /** `alpha`, `beta` or `deprecated`. */
  status?: string
}

export interface ModelList {
  models: ListedModel[]
  /** How many there are, also those that were left off. */
  total: number
  /** Ids of the known providers whose key is set. */
  providers: string[]
}

export interface ModelSearch {
  /** Words that the id or the name must all hold. @defaultValue none: every model */
  query?: string
  /** Only those of providers whose key is set. @defaultValue false */
  configured?: boolean
  /** @defaultValue 100 */
  limit?: number
}

/** Turns model references into models. */
export interface Models {
  /**
   * The model of a reference; the same object for the same string.
   * @throws LoomError `unknown-model`, `missing-key` or (a bad base URL) `invalid-config`, with one
   * line that names what to set.
   */
  resolve(reference: ModelReference): Promise<LanguageModelV4>
  /** What is known of a model; behind an address of the user's own, of one by the same name. Never rejects. */
  facts(reference: ModelReference): Promise<ModelFacts>
  /** Why a model that resolves may yet not exist, with the names it may be meant for. Never rejects. */
  doubt(reference: ModelReference): Promise<string | undefined>
  /** The models that are known, those that can be used first. */
  search(search?: ModelSearch): Promise<ModelList>
  /**
   * The providers that the settings name without the registry, such as `demo`: it is not read to
   * tell them.
   */
  readonly providers: readonly string[]
  /** Strikes every configured API key out of a text. */
  redact(text: string): string
}
