/** The tokens and the cost of the answers of this process, for `/cost`. */
import { spendingIn } from '../../spending.ts'

export class Spending {
  #turns = 0
  #inputTokens = 0
  #outputTokens = 0
  #usd = 0
  #isCostKnown = true

  /** @param metadata of an answer */
  add(metadata: unknown): void {
    const { usage, usd, isCostKnown } = spendingIn(metadata)
    this.#turns++
    this.#inputTokens += usage.inputTokens
    this.#outputTokens += usage.outputTokens
    this.#usd += usd
    // The cost of an answer without token counts is not known.
    this.#isCostKnown &&= isCostKnown && usage.totalTokens > 0
  }

  text(): string {
    const tokens = `${count(this.#inputTokens)} tokens in, ${count(this.#outputTokens)} out`
    const answers = this.#turns === 1 ? '1 answer' : `${this.#turns} answers`
    return `${answers} in this talk: ${tokens}${this.#costText()}`
  }

  /** An unknown cost is not shown as 0. */
  #costText(): string {
    if (this.#usd === 0) return this.#isCostKnown && this.#turns > 0 ? ', free' : ''
    return `, ${this.#isCostKnown ? '' : 'at least '}$${this.#usd.toFixed(4)}`
  }
}

const count = (tokens: number) => tokens.toLocaleString('en-US')
