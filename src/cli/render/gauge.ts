/** How full a talk's context is and what it has cost, for the line that says what is going on. */
import type { AgentEvent } from '../../event.ts'
import { noSpending, type Spending, spendingIn, stepsIn } from '../../spending.ts'

export class Gauge {
  /** The model's window in tokens; undefined where it is not known. */
  window: number | undefined
  /** Tokens of the last step: its prompt and what it said. Undefined before the first. */
  #context: number | undefined
  /** US dollars that the other messages of the talk have cost, as far as it is known. */
  #otherUsd = 0
  #isOtherCostKnown = true
  #messageId: string | undefined
  /** Of the message that is being written. Its metadata tells the whole of it each time. */
  #message: Spending = noSpending

  hear(event: AgentEvent): void {
    if (event.type === 'start') return this.#begin(event.messageId)
    if (event.type !== 'message-metadata' && event.type !== 'finish') return
    const last = stepsIn(event.messageMetadata).at(-1)
    if (last === undefined) return
    this.#message = spendingIn(event.messageMetadata)
    // A step that was cut off may have no count of its own.
    if (last.usage.totalTokens > 0) this.#context = last.usage.totalTokens
  }

  /** Another conversation is gone on with: its context is not known. What was spent stays. */
  leave(): void {
    this.#context = undefined
  }

  /** A message that waited for a human begins again under its own id, and is counted once. */
  #begin(messageId: string | undefined): void {
    if (messageId !== undefined && messageId === this.#messageId) return
    this.#otherUsd += this.#message.usd
    this.#isOtherCostKnown &&= this.#message.isCostKnown
    this.#messageId = messageId
    this.#message = noSpending
  }

  /**
   * What is known, in at most so many columns: `12k of 200k tokens · $0.03`, or `12k tokens · $0.03`, or
   * the cost alone. An empty text where nothing is known, or there is no room. An unknown cost never
   * shows as 0.
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
