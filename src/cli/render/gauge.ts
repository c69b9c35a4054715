/** The used context and the cost of a conversation, for the status line. */
import type { AgentEvent } from '../../event.ts'
import { noSpending, type Spending, spendingIn, stepsIn } from '../../spending.ts'

export class Gauge {
  /** The context window of the model in tokens. Undefined if it is not known. */
  window: number | undefined
  /** Tokens of the prompt and the output of the last step. Undefined before the first step. */
  #context: number | undefined
  /** The known cost of the other messages in US dollars. */
  #otherUsd = 0
  #isOtherCostKnown = true
  #messageId: string | undefined
  /** The spending of the current message. Its metadata always contains the total of the message. */
  #message: Spending = noSpending

  /** Reads the spending from an event. */
  add(event: AgentEvent): void {
    if (event.type === 'start') return this.#begin(event.messageId)
    if (event.type !== 'message-metadata' && event.type !== 'finish') return
    const last = stepsIn(event.messageMetadata).at(-1)
    if (last === undefined) return
    this.#message = spendingIn(event.messageMetadata)
    // An interrupted step may have no token count.
    if (last.usage.totalTokens > 0) this.#context = last.usage.totalTokens
  }

  /** Forgets the context, because the user changed the conversation. The cost stays. */
  leave(): void {
    this.#context = undefined
  }

  /**
   * Begins a message. A message that waited for a human starts again with the same id, and counts
   * once.
   */
  #begin(messageId: string | undefined): void {
    if (messageId !== undefined && messageId === this.#messageId) return
    this.#otherUsd += this.#message.usd
    this.#isOtherCostKnown &&= this.#message.isCostKnown
    this.#messageId = messageId
    this.#message = noSpending
  }

  /**
   * Returns the context and the cost in at most `columns` columns: `12k of 200k tokens · $0.03`, or
   * `12k tokens · $0.03`, or the cost alone. Returns an empty text if neither is known or nothing
   * fits. An unknown cost is never shown as 0.
   */
  text(columns: number): string {
    const cost = this.#costText()
    const context = this.#context === undefined ? '' : `${short(this.#context)} tokens`
    const full =
      this.#context === undefined || this.window === undefined
        ? context
        : `${short(this.#context)} of ${short(this.window)} tokens`
    const joined = (first: string) => [first, cost].filter((part) => part !== '').join(' · ')
    return [joined(full), joined(context), cost].find(({ length }) => length <= columns) ?? ''
  }

  #costText(): string {
    const usd = this.#otherUsd + this.#message.usd
    if (usd === 0) return ''
    const isKnown = this.#isOtherCostKnown && this.#message.isCostKnown
    return `${isKnown ? '' : 'at least '}$${usd < 0.01 ? usd.toFixed(4) : usd.toFixed(2)}`
  }
}

/** `950`, `1.2k`, `200k`, `1M`. */
function short(count: number): string {
  if (count < 1000) return String(count)
  const [value, unit] = count < 999_500 ? [count / 1000, 'k'] : [count / 1_000_000, 'M']
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)}${unit}`
}
