/** The open text or reasoning part of an answer. At most one part is open at a time. */
import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from '@ai-sdk/provider'

import type { ReplyForm } from './wire-form.ts'

type Parts = LanguageModelV4StreamPart[]

/** The ids that `@ai-sdk/openai-compatible` uses. */
const ids = { text: 'txt-0', reasoning: 'reasoning-0' } as const

export class OpenPart {
  /** Undefined while no part is open. */
  kind: 'text' | 'reasoning' | undefined
  readonly #form: ReplyForm

  constructor(form: ReplyForm) {
    this.#form = form
  }

  /** Adds a delta. An open part of the other kind ends first. */
  addDelta(kind: 'text' | 'reasoning', delta: string, parts: Parts): void {
    const id = ids[kind]
    if (this.kind !== kind) {
      this.close(parts)
      this.kind = kind
      parts.push({ type: `${kind}-start`, id, ...this.#metadataOf(kind) })
    }
    parts.push({ type: `${kind}-delta`, id, delta })
  }

  /** @param ofMessage the form of the whole message, which its last part carries */
  close(parts: Parts, ofMessage?: SharedV4ProviderMetadata): void {
    const { kind } = this
    if (kind === undefined) return
    const metadata =
      ofMessage === undefined ? this.#metadataOf(kind) : { providerMetadata: ofMessage }
    parts.push({ type: `${kind}-end`, id: ids[kind], ...metadata })
    this.kind = undefined
  }

  #metadataOf(kind: 'text' | 'reasoning') {
    const providerMetadata = kind === 'reasoning' ? this.#form.ofThoughts : undefined
    return providerMetadata === undefined ? undefined : { providerMetadata }
  }
}
