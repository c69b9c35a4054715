/**
 * The parts of an answer that must go back to the model unchanged: the field of its reasoning
 * (`reasoning_content`: DeepSeek, Moonshot, Z.ai; `reasoning`: Groq, OpenRouter, vLLM; parts of the
 * content: Mistral), `reasoning_details` of OpenRouter, and signatures of Gemini. Another model may
 * refuse them, so the form names the model. It is stored with the message, as
 * `providerMetadata.loom.wire`, because another instance may make the next request.
 */
import type {
  JSONObject,
  SharedV4ProviderMetadata,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'

import { isRecord } from './json-record.ts'
import type { JsonRecord } from './json-record.ts'
import { ReasoningDetails } from './reasoning-details.ts'

const thoughtFields = ['reasoning_content', 'reasoning', 'content'] as const
export type ThoughtField = (typeof thoughtFields)[number]

export interface WireForm {
  /** `provider/model-id`. */
  model: string
  thought?: ThoughtField
  /** Fields of the message or of the call, unchanged. */
  fields?: JSONObject
}

/** Collects the form of one answer from its deltas. */
export class ReplyForm {
  readonly #model: string
  readonly #details = new ReasoningDetails()
  #thought: ThoughtField | undefined
  #extra: JSONObject | undefined

  constructor(model: string) {
    this.#model = model
  }

  /** Called for each delta, so it reads only four fields. An empty reasoning field also counts. */
  note(delta: JsonRecord): void {
    if (typeof delta['reasoning_content'] === 'string') this.#thought = 'reasoning_content'
    else if (typeof delta['reasoning'] === 'string') this.#thought ??= 'reasoning'
    if (delta['reasoning_details'] != null) this.#details.add(delta['reasoning_details'])
    if (delta['extra_content'] != null) this.#extra = signed(delta) ?? this.#extra
  }

  /** Records that the reasoning arrived as parts of the content. */
  noteThoughtPart(): void {
    this.#thought = 'content'
  }

  /** The form of the reasoning, known from its start. */
  get ofThoughts(): SharedV4ProviderMetadata | undefined {
    if (this.#thought === undefined) return undefined
    return metadata({ model: this.#model, thought: this.#thought })
  }

  /** The form of the whole message, known at its end. Undefined if it has no special form. */
  get ofMessage(): SharedV4ProviderMetadata | undefined {
    const details = this.#details.whole()
    const fields = {
      ...(details.length > 0 && { reasoning_details: details }),
      ...this.#extra,
    }
    const hasFields = Object.keys(fields).length > 0
    if (this.#thought === undefined && !hasFields) return undefined
    return metadata({
      model: this.#model,
      ...(this.#thought !== undefined && { thought: this.#thought }),
      ...(hasFields && { fields }),
    })
  }

  /** The form of one call, with the fields that hold its signature. */
  ofCall(fields: JSONObject): SharedV4ProviderMetadata {
    return metadata({ model: this.#model, fields })
  }
}

const metadata = (wire: WireForm): SharedV4ProviderMetadata => ({ loom: { wire: { ...wire } } })

/** The fields of a call or message that hold a reasoning signature, at any depth. */
export function signed(value: object): JSONObject | undefined {
  const found = Object.entries(value).filter(
    ([name, field]) => carriers.has(name) && field != null && holdsSignature({ [name]: field }),
  )
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** Gemini's compatible API and Vertex; LiteLLM; others that put the signature into the call itself. */
const carriers = new Set([
  'extra_content',
  'provider_specific_fields',
  'thought_signature',
  'thoughtSignature',
])

const holdsSignature = (value: unknown, depth = 0): boolean =>
  isRecord(value) &&
  depth < 4 &&
  Object.entries(value).some(([name, inner]) =>
    /^thought_?signature$/i.test(name)
      ? typeof inner === 'string' && inner !== ''
      : holdsSignature(inner, depth + 1),
  )

/** The signature itself. */
export function signatureIn(value: unknown, depth = 0): string | undefined {
  if (!isRecord(value) || depth > 4) return undefined
  for (const [name, inner] of Object.entries(value)) {
    const isSignature = /^thought_?signature$/i.test(name)
    const signature = isSignature ? inner : signatureIn(inner, depth + 1)
    if (typeof signature === 'string' && signature !== '') return signature
  }
  return undefined
}

/** The form of a part of the history, if this model sent it. */
export function wireFormOf(
  { providerOptions }: { providerOptions?: SharedV4ProviderOptions },
  model: string,
): WireForm | undefined {
  const wire = providerOptions?.['loom']?.['wire']
  if (!isRecord(wire) || wire['model'] !== model) return undefined
  const thought = thoughtFields.find((field) => field === wire['thought'])
  const fields = wire['fields']
  return {
    model,
    ...(thought !== undefined && { thought }),
    ...(isRecord(fields) && { fields }),
  }
}

/** Whether a part names the model that sent it. */
export const hasWireForm = ({
  providerOptions,
}: {
  providerOptions?: SharedV4ProviderOptions
}): boolean => isRecord(providerOptions?.['loom']?.['wire'])
