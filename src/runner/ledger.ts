/**
 * What a run has spent, and whether it may spend more. A sub-agent's ledger stands below that of the
 * run that called it: what it spends counts above at once, and it stops where those above would.
 */
import type { Budget } from '../agent.ts'
import {
  addSpending,
  type Cost,
  toldCost,
  noSpending,
  type Spending,
  type StepUsage,
  type ToldSpending,
} from '../spending.ts'
import type { Usage } from '../usage.ts'

/** Why a turn ends before it is done. */
export interface Excess {
  outcome: 'max-cost' | 'max-tokens'
  /** For people. */
  reason: string
}

export interface LedgerOptions {
  /** Of this turn. */
  budget: Budget
  /** Of all turns of the session together. */
  sessionBudget: Budget
  /** By this turn, in a process that is gone or before it had to wait. */
  before?: { spending: Spending; steps: readonly StepUsage[] } | undefined
  /** Of the run that this one is a tool call of. */
  above?: Ledger | undefined
}

interface Step {
  model?: string
  spending: Spending
}

export class Ledger {
  readonly #options: LedgerOptions
  readonly #earlier: readonly StepUsage[]
  /** By the session's other messages. */
  sessionSpent: Spending = noSpending
  readonly #steps: Step[] = []
  #total: Spending

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#earlier = options.before?.steps ?? []
    this.#total = options.before?.spending ?? noSpending
  }

  get usage(): Usage {
    return this.#total.usage
  }

  get cost(): Cost | undefined {
    return toldCost(this.#total).cost
  }

  /** For a message's metadata, at the end of a turn. */
  get told(): ToldSpending {
    const isTakenBack = this.cost === undefined && this.#earlier.length > 0
    return { ...this.toldSteps, ...(isTakenBack ? { cost: null } : toldCost(this.#total)) }
  }

  /** In the middle of one: what it will have cost is not known yet. */
  get toldSteps(): Omit<ToldSpending, 'cost'> {
    const steps = this.#steps.map(({ model, spending }): StepUsage => ({
      ...(model !== undefined && { model }),
      usage: spending.usage,
      ...toldCost(spending),
    }))
    return {
      usage: this.usage,
      stepUsage: [...this.#earlier, ...steps],
    }
  }

  beginStep(): void {
    this.#steps.push({ spending: noSpending })
  }

  add(spending: Spending, model?: string): void {
    this.#total = addSpending(this.#total, spending)
    // Calls that a human decided on run before there is a step.
    if (this.#steps.length === 0) this.beginStep()
    const step = this.#steps.at(-1)
    if (step !== undefined) {
      step.spending = addSpending(step.spending, spending)
      if (model !== undefined) step.model = model
    }
    this.#options.above?.add(spending)
  }

  /** The budget that is used up, if one is. */
  excess(): Excess | undefined {
    const { budget, sessionBudget, above } = this.#options
    return (
      excessOf('turn', this.#total, budget) ??
      excessOf('session', addSpending(this.sessionSpent, this.#total), sessionBudget) ??
      above?.excess()
    )
  }
}

function excessOf(
  what: 'turn' | 'session',
  { usd, usage }: Spending,
  { maxCost, maxTokens }: Budget,
): Excess | undefined {
  if (maxCost !== undefined && usd >= maxCost) {
    const reason = `This ${what} has cost ${dollars(usd)}, and its budget is ${dollars(maxCost)}.`
    return { outcome: 'max-cost', reason }
  }
  if (maxTokens !== undefined && usage.totalTokens >= maxTokens) {
    const [used, most] = [usage.totalTokens, maxTokens].map((count) => count.toLocaleString('en'))
    const reason = `This ${what} has used ${used} tokens, and its budget is ${most}.`
    return { outcome: 'max-tokens', reason }
  }
  return undefined
}

const dollars = (usd: number) => `$${Number(usd.toPrecision(4))}`
