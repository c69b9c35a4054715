/**
 * The spending of a run, and whether it may spend more. A sub-agent has a ledger below that of the
 * run that called it. Its spending also counts above at once, and the limits above apply to it.
 */
import type { Budget } from '../agent.ts'
import {
  addSpending,
  type Cost,
  isNothing,
  subtractSpending,
  taskFields,
  noSpending,
  type Spending,
  type StepUsage,
  costFields,
  type SpendingFields,
} from '../spending.ts'
import type { Usage } from '../usage.ts'

/** Why a turn ends early. */
export interface Excess {
  outcome: 'max-cost' | 'max-tokens'
  /** A text for people. */
  reason: string
}

export interface LedgerOptions {
  /** The budget of this turn. */
  budget: Budget
  /** The budget of all turns of the session together. */
  sessionBudget: Budget
  /** The spending of this turn in an earlier process, or before it had to wait. */
  before?:
    | { spending: Spending; steps: readonly StepUsage[]; tasks?: ReadonlyMap<string, Spending> }
    | undefined
  /** The budget of the root of the tree, which all sessions of the tree share. */
  treeBudget?: Budget | undefined
  /** The ledger of the run that this run is a tool call of. */
  above?: Ledger | undefined
}

interface Step {
  model?: string
  spending: Spending
}

export class Ledger {
  readonly #options: LedgerOptions
  readonly #earlier: readonly StepUsage[]
  /** The spending of the session's other messages. */
  sessionSpent: Spending = noSpending
  readonly #steps: Step[] = []
  #total: Spending
  #ofRun: Spending = noSpending
  /** The spending of tasks by the id of the tool call. It is part of the total. */
  readonly #tasks: Map<string, Spending>
  /** Whether there is spending that `takeNews` has not reported yet. */
  #hasUnreported = false

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#earlier = options.before?.steps ?? []
    this.#total = options.before?.spending ?? noSpending
    this.#tasks = new Map(options.before?.tasks)
  }

  /** The spending of this run, without that of earlier processes for the same message. */
  get ofRun(): Spending {
    return this.#ofRun
  }

  get usage(): Usage {
    return this.#total.usage
  }

  get cost(): Cost | undefined {
    return costFields(this.#total).cost
  }

  /** The spending without that of tasks, which count in sessions of their own. */
  get own(): Spending {
    return [...this.#tasks.values()].reduce(subtractSpending, this.#total)
  }

  /** The spending in the form of message metadata, for the end of a turn. */
  get metadata(): SpendingFields {
    const isCostRemoved = this.cost === undefined && this.#earlier.length > 0
    return { ...this.#stepFields, ...(isCostRemoved ? { cost: null } : costFields(this.#total)) }
  }

  /**
   * The spending so far, in the middle of a turn, when its cost is not known yet. Undefined if nothing
   * was spent since the last call.
   */
  takeUnreported(): Omit<SpendingFields, 'cost'> | undefined {
    if (!this.#hasUnreported) return undefined
    this.#hasUnreported = false
    return this.#stepFields
  }

  get #stepFields(): Omit<SpendingFields, 'cost'> {
    const steps = this.#steps.map(({ model, spending }): StepUsage => ({
      ...(model !== undefined && { model }),
      usage: spending.usage,
      ...costFields(spending),
    }))
    return {
      usage: this.usage,
      stepUsage: [...this.#earlier, ...steps],
      ...(this.#tasks.size > 0 && { tasks: taskFields(this.#tasks) }),
    }
  }

  beginStep(): void {
    this.#steps.push({ spending: noSpending })
  }

  add(spending: Spending, model?: string): void {
    this.#hasUnreported ||= !isNothing(spending)
    this.#total = addSpending(this.#total, spending)
    this.#ofRun = addSpending(this.#ofRun, spending)
    // Calls that a human decided on run before the first step.
    if (this.#steps.length === 0) this.beginStep()
    const step = this.#steps.at(-1)
    if (step !== undefined) {
      step.spending = addSpending(step.spending, spending)
      if (model !== undefined) step.model = model
    }
    this.#options.above?.add(spending)
  }

  /** Counts the spending of a task. The call may run again after the death of a process, and counts once. */
  addTask(toolCallId: string, spending: Spending): void {
    const before = this.#tasks.get(toolCallId)
    this.#tasks.set(toolCallId, spending)
    this.add(before === undefined ? spending : subtractSpending(spending, before))
  }

  /** The budget that is used up, if there is one. */
  excess(): Excess | undefined {
    const { budget, sessionBudget, treeBudget = {}, above } = this.#options
    const sum = addSpending(this.sessionSpent, this.own)
    return (
      excessOf('turn', this.#total, budget) ??
      excessOf('session', sum, sessionBudget) ??
      excessOf('session', sum, treeBudget) ??
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
