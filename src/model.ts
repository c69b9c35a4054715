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
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

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

export function isDirectModel(model: LanguageModelV4): model is DirectModel {
  return streamParts in model
}

/** Turns model references into models. */
export interface Models {
  /**
   * The model of a reference; the same object for the same string.
   * @throws LoomError `unknown-model`, `missing-key` or (a bad base URL) `invalid-config`, with one
   * line that names what to set.
   */
  resolve(reference: ModelReference): Promise<LanguageModelV4>
  /** The provider ids that can be resolved without further set-up, such as `demo`. */
  readonly providers: readonly string[]
  /** Strikes every configured API key out of a text. */
  redact(text: string): string
}
