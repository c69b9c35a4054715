/** What a talk has spent so far, for `/cost`. */
import { fieldsOf } from '../render/fields.ts'

export class Spending {
  #turns = 0
  #inputTokens = 0
  #outputTokens = 0
  #usd = 0
  #isCostKnown = true

  /** @param metadata of an answer */
  add(metadata: unknown): void {
    const { usage, cost } = fieldsOf(metadata)
    const { inputTokens, outputTokens } = fieldsOf(usage)
    const { usd } = fieldsOf(cost)
    this.#turns++
    this.#inputTokens += typeof inputTokens === 'number' ? inputTokens : 0
    this.#outputTokens += typeof outputTokens === 'number' ? outputTokens : 0
    if (typeof usd === 'number') this.#usd += usd
    else this.#isCostKnown = false
  }

  text(): string {
    const tokens = `${count(this.#inputTokens)} tokens in, ${count(this.#outputTokens)} out`
    const answers = this.#turns === 1 ? '1 answer' : `${this.#turns} answers`
    return `${answers} in this talk: ${tokens}${this.#costText()}`
  }

  /** A cost that is not known is not told as 0. */
  #costText(): string {
    if (this.#usd === 0) return this.#isCostKnown && this.#turns > 0 ? ', free' : ''
    return `, ${this.#isCostKnown ? '' : 'at least '}$${this.#usd.toFixed(4)}`
  }
}

const count = (tokens: number) => tokens.toLocaleString('en-US')
