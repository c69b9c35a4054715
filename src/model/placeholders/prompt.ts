/**
 * The prompt of a call with placeholders. Only values that the packages of Anthropic, Google and OpenAI
 * pass on unread are replaced. Values that a package reads stay: text files (decoded, or encoded again),
 * the JSON of a provider-executed call, and links.
 */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'

import { jsonInSteps } from '../../ground/json/pieces.ts'
import { isObject, weightOf } from '../../ground/json/weight.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import { jsonForm } from './json-form.ts'
import type { Originals } from './originals.ts'

export interface PlaceholderForm {
  /** Whether the package sends a tool's JSON with a key `$ref` as a text, and any other as JSON. */
  referencesAreText: boolean
}

type AssistantPart = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'][number]
type ToolPart = Extract<LanguageModelV4Message, { role: 'tool' }>['content'][number]
type OutputItem = Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value'][number]

/** Of JSON; see `weightOf`. */
const jsonWeightMin = 2048
/** The packages skip a tag of up to 128 KiB to find the type of a sound, here as base64. */
const soundHeadLength = 180_000
/** Texts that only the provider reads. */
const sealedOptions = ['signature', 'redactedData', 'thoughtSignature', 'reasoningEncryptedContent']

/** @throws the signal's reason after an abort */
export async function promptWithPlaceholders(
  options: LanguageModelV4CallOptions,
  originals: Originals,
  form: PlaceholderForm,
): Promise<LanguageModelV4Message[]> {
  // The packages check the input and output of a provider's own tools.
  const takesAnyJson = options.tools?.every(({ type }) => type === 'function') ?? true
  const writer = new PromptWriter(originals, { ...form, takesAnyJson })
  const steps = new WorkSteps()
  const prompt: LanguageModelV4Message[] = []
  for (const message of options.prompt) {
    prompt.push(await writer.message(message))
    await steps.next(weightOf(message, stepWeight))
    options.abortSignal?.throwIfAborted()
  }
  return prompt
}

const stepWeight = 500_000

class PromptWriter {
  readonly #originals: Originals
  readonly #form: PlaceholderForm & { takesAnyJson: boolean }

  constructor(originals: Originals, form: PlaceholderForm & { takesAnyJson: boolean }) {
    this.#originals = originals
    this.#form = form
  }

  async message(message: LanguageModelV4Message): Promise<LanguageModelV4Message> {
    switch (message.role) {
      case 'system':
        return { ...message, content: this.#originals.text(message.content) }
      case 'user': {
        const content = message.content.map((part) =>
          part.type === 'text' ? this.#text(part) : this.#file(part),
        )
        return { ...message, content }
      }
      case 'assistant': {
        const content: AssistantPart[] = []
        for (const part of message.content) {
          content.push(this.#sealed(await this.#assistantPart(part)))
        }
        return { ...message, content }
      }
      case 'tool': {
        const content: ToolPart[] = []
        for (const part of message.content) {
          const isResult = part.type === 'tool-result'
          content.push(
            isResult ? this.#sealed({ ...part, output: await this.#output(part.output) }) : part,
          )
        }
        return { ...message, content }
      }
    }
  }

  async #assistantPart(part: AssistantPart): Promise<AssistantPart> {
    switch (part.type) {
      case 'text':
      case 'reasoning':
        return this.#text(part)
      case 'file':
        return this.#file(part)
      case 'reasoning-file':
        return part.data.type === 'data'
          ? { ...part, data: { ...part.data, data: this.#data(part.data.data, endOf(part)) } }
          : part
      case 'tool-call':
        return part.providerExecuted === true
          ? part
          : { ...part, input: await this.#input(part.input) }
      default:
        // A result here is that of a provider-executed tool.
        return part
    }
  }

  #text<PART extends { text: string }>(part: PART): PART {
    return { ...part, text: this.#originals.text(part.text) }
  }

  #file<PART extends Pick<LanguageModelV4FilePart, 'data' | 'mediaType'>>(part: PART): PART {
    const { data, mediaType } = part
    if (data.type !== 'data' || /^text\//i.test(mediaType)) return part
    return { ...part, data: { ...data, data: this.#data(data.data, endOf(part)) } }
  }

  #data(data: Uint8Array | string, headLength: number | undefined): string {
    return typeof data === 'string'
      ? this.#originals.text(data, headLength)
      : this.#originals.bytes(data, headLength)
  }

  /** The packages look at fields of an input, so it stays an object. */
  async #input(input: unknown): Promise<unknown> {
    if (!isPlainObject(input) || weightOf(input, jsonWeightMin) < jsonWeightMin) return input
    const fields: [string, unknown][] = []
    for (const [key, value] of Object.entries(input)) fields.push([key, await this.#json(value)])
    return Object.fromEntries(fields)
  }

  async #output(output: LanguageModelV4ToolResultOutput): Promise<LanguageModelV4ToolResultOutput> {
    switch (output.type) {
      case 'text':
      case 'error-text':
        return { ...output, value: this.#originals.text(output.value) }
      case 'json':
      case 'error-json':
        return this.#jsonOutput(output)
      case 'content':
        return { ...output, value: output.value.map((item) => this.#item(item)) }
      default:
        return output
    }
  }

  #item(item: OutputItem): OutputItem {
    if (item.type === 'text') return this.#text(item)
    return item.type === 'file' ? this.#file(item) : item
  }

  async #jsonOutput(
    output: Extract<LanguageModelV4ToolResultOutput, { type: 'json' | 'error-json' }>,
  ): Promise<LanguageModelV4ToolResultOutput> {
    const { type, value } = output
    if (!this.#form.referencesAreText || !isLarge(value)) {
      return { ...output, value: await this.#json(value) }
    }
    const form = await jsonForm(value)
    if (form === 'other') return output
    if (form === 'plain') return { ...output, value: await this.#json(value) }
    const text = this.#originals.text((await jsonInSteps(value)).join(''))
    return { ...output, type: type === 'json' ? 'text' : 'error-text', value: text }
  }

  async #json<VALUE>(value: VALUE): Promise<VALUE | string> {
    if (typeof value === 'string') return this.#originals.text(value)
    if (!isLarge(value) || !this.#form.takesAnyJson) return value
    return (await jsonForm(value)) === 'other' ? value : this.#originals.json(value)
  }

  #sealed<PART extends { providerOptions?: SharedV4ProviderOptions }>(part: PART): PART {
    const { providerOptions } = part
    if (providerOptions === undefined) return part
    const changed = Object.entries(providerOptions).map(([provider, options]) => {
      const fields = Object.entries(options).map(([key, value]) => [
        key,
        typeof value === 'string' && sealedOptions.includes(key)
          ? this.#originals.text(value)
          : value,
      ])
      return [provider, Object.fromEntries(fields)]
    })
    return { ...part, providerOptions: Object.fromEntries(changed) }
  }
}

const isLarge = (value: unknown) =>
  isObject(value) && weightOf(value, jsonWeightMin) >= jsonWeightMin

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && !Array.isArray(value) && typeof value['toJSON'] !== 'function'

/** The length that stays at the beginning of a file; undefined for the default. */
const endOf = ({ mediaType }: { mediaType: string }) =>
  mediaType.startsWith('audio') && !/^audio\/[^*]/.test(mediaType) ? soundHeadLength : undefined
