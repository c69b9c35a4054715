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
  /** The texts by the ids of their parts, because parts may be mixed. */
  readonly #texts = new Map<string, TextContent>()
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
        this.#begin(part.id, part.type === 'text-start' ? 'text' : 'reasoning')
        return
      case 'text-delta':
      case 'reasoning-delta': {
        const text = this.#texts.get(part.id)
        if (text !== undefined) text.text += part.delta
        return
      }
      case 'tool-call':
      case 'tool-result':
      case 'file':
      case 'source':
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

  #begin(id: string, type: TextContent['type']): void {
    const text: TextContent = { type, text: '' }
    this.#texts.set(id, text)
    this.#content.push(text)
  }

  /**
   * @param headers the headers of the HTTP response, if there is one
   * @throws Error if the answer has no `finish` part
   */
  result(headers?: Record<string, string>): Result {
    const finish = this.#finish
    if (finish === undefined) throw new Error('the answer has no finish part')
    const { finishReason, usage, providerMetadata } = finish
    return {
      content: this.#content,
      finishReason,
      usage,
      ...(providerMetadata === undefined ? {} : { providerMetadata }),
      response: { ...this.#response, ...(headers !== undefined && { headers }) },
      warnings: this.#warnings,
    }
  }
}
