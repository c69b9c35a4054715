/** How full a talk's context is and what it has cost, for the line that says what is going on. */
import type { AgentEvent } from '../../event.ts'
import { fieldsOf } from './fields.ts'

export class Gauge {
  /** The model's window in tokens; undefined where it is not known. */
  window: number | undefined
  /** Tokens of the last step: its prompt and what it said. Undefined before the first. */
  #context: number | undefined
  /** US dollars of the turns that are over. */
  #spentUsd = 0
  #turnUsd = 0

  hear(event: AgentEvent): void {
    if (event.type !== 'message-metadata' && event.type !== 'finish') return
    const { stepUsage, cost } = fieldsOf(event.messageMetadata)
    const last: unknown = Array.isArray(stepUsage) ? stepUsage.at(-1) : undefined
    const { inputTokens, outputTokens } = fieldsOf(fieldsOf(last)['usage'])
    const sum = tokens(inputTokens) + tokens(outputTokens)
    if (sum > 0) this.#context = sum
    const { usd } = fieldsOf(cost)
    if (typeof usd === 'number') this.#turnUsd = usd
    if (event.type !== 'finish') return
    this.#spentUsd += this.#turnUsd
    this.#turnUsd = 0
  }

  /** `12k of 200k tokens · $0.03`; '' where nothing is known. A cost that is not known is not told as 0. */
  text(): string {
    const usd = this.#spentUsd + this.#turnUsd
    const context =
      this.#context === undefined
        ? undefined
        : `${short(this.#context)}${this.window === undefined ? '' : ` of ${short(this.window)}`} tokens`
    const cost = usd === 0 ? undefined : `$${usd < 0.01 ? usd.toFixed(4) : usd.toFixed(2)}`
    return [context, cost].filter((part) => part !== undefined).join(' · ')
  }
}

const tokens = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** `950`, `1.2k`, `200k`, `1M`. */
function short(count: number): string {
  if (count < 1000) return String(count)
  const [value, unit] = count < 999_500 ? [count / 1000, 'k'] : [count / 1_000_000, 'M']
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)}${unit}`
}
