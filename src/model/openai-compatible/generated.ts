/** Builds the result of `doGenerate` from the parts of a stream. */
import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

type TextContent = Extract<LanguageModelV4Content, { type: 'text' | 'reasoning' }>
type Result = Omit<LanguageModelV4GenerateResult, 'request'>

export class Generated {
  readonly #content: LanguageModelV4Content[] = []
  #text: TextContent | undefined
  #warnings: Result['warnings'] = []
  #response: NonNullable<Result['response']> = {}
  #finish: Extract<LanguageModelV4StreamPart, { type: 'finish' }> | undefined

  /** @throws the error of an `error` part */
  add(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'stream-start':
        this.#warnings = part.warnings
        return
      case 'response-metadata': {
        const { type: _type, ...metadata } = part
        this.#response = metadata
        return
      }
      case 'text-start':
      case 'reasoning-start':
        this.#begin({ type: part.type === 'text-start' ? 'text' : 'reasoning', text: '' })
        return
      case 'text-delta':
      case 'reasoning-delta':
        if (this.#text !== undefined) this.#text.text += part.delta
        return
      case 'tool-call':
        this.#content.push(part)
        return
      case 'finish':
        this.#finish = part
        return
      case 'error':
        throw part.error
      default:
      // The other parts are starts, ends and deltas of content that also arrives complete.
    }
  }

  #begin(text: TextContent): void {
    this.#text = text
    this.#content.push(text)
  }

  /** @param headers the headers of the HTTP response */
  result(headers: Record<string, string>): Result {
    const finish = this.#finish
    if (finish === undefined) throw new Error('the answer has no finish part')
    const { finishReason, usage, providerMetadata } = finish
    return {
      content: this.#content,
      finishReason,
      usage,
      ...(providerMetadata === undefined ? {} : { providerMetadata }),
      response: { ...this.#response, headers },
      warnings: this.#warnings,
    }
  }
}
