/**
 * Tokens and money, summed over replies, steps, turns and sessions. A part with an unknown cost makes
 * the cost of the sum unknown. Then `usd` is only the known part, which is used for budgets but not
 * reported.
 */
import { fieldsOf, isAmount } from './ground/fields.ts'
import { addUsage, noUsage, type Usage } from './usage.ts'

/** The tokens and the cost of a reply, a step, a turn or a session. */
export interface Spending {
  /** The tokens. */
  usage: Usage
  /** US dollars, as far as they are known. */
  usd: number
  /** Whether the cost of every part is known. If it is false, `usd` is only the known part. */
  isCostKnown: boolean
}

/**
 * The cost of a step, a run or a message. Where a cost is unknown, no `Cost` is present: 0 means free.
 * @example
 * ```ts
 * import type { Cost } from 'loomkit'
 *
 * const label = (cost?: Cost) => (cost === undefined ? 'unknown' : `$${cost.usd.toFixed(4)}`)
 * ```
 */
export interface Cost {
  /** US dollars. */
  usd: number
}

/**
 * The tokens and the cost of one step: its model calls, and the sub-agents that its tools ran. The metadata of
 * an assistant message holds a list of them, `stepUsage`.
 * @example
 * ```ts
 * import type { StepUsage } from 'loomkit'
 *
 * const dearest = (steps: readonly StepUsage[]) =>
 *   Math.max(0, ...steps.map(({ cost }) => cost?.usd ?? 0))
 * ```
 */
export interface StepUsage {
  /** `provider/model-id` of the model that answered. Absent if none answered. */
  model?: string
  /** The tokens of the step. */
  usage: Usage
  /** The cost of the step. Absent if it is unknown. */
  cost?: Cost
}

/** The spending in the form of message metadata. */
export interface SpendingFields {
  usage: Usage
  /** Null removes the cost that an earlier turn of the message reported, because metadata is merged. */
  cost?: Cost | null
  stepUsage: readonly StepUsage[]
  /** The part of it that tasks spent, by the id of the tool call. */
  tasks?: Record<string, TaskSpending>
}

/** The spending of a task in the metadata of the message whose call it answers. */
export interface TaskSpending {
  /** The tokens, with those of the tasks below. */
  usage: Usage
  /** The cost. Absent if it is unknown. */
  cost?: Cost
}

export const noSpending: Readonly<Spending> = { usage: noUsage, usd: 0, isCostKnown: true }

export function addSpending(a: Readonly<Spending>, b: Readonly<Spending>): Spending {
  return {
    usage: addUsage(a.usage, b.usage),
    usd: a.usd + b.usd,
    isCostKnown: a.isCostKnown && b.isCostKnown,
  }
}

/** The opposite of `addSpending`. */
export function subtractSpending(a: Readonly<Spending>, b: Readonly<Spending>): Spending {
  const minus = Object.entries(b.usage).map(([name, count]) => [name, -count])
  const usage = addUsage(a.usage, { ...noUsage, ...Object.fromEntries(minus) })
  return withExactCost({ usage, usd: a.usd - b.usd, isCostKnown: a.isCostKnown })
}

/** Removes the rounding error of a difference of binary fractions. */
export const withExactCost = (spending: Spending): Spending => ({
  ...spending,
  usd: Math.max(0, Number(spending.usd.toFixed(12))),
})

/** The spending of tasks in the form of message metadata. */
export const taskFields = (tasks: ReadonlyMap<string, Spending>) =>
  Object.fromEntries(
    [...tasks].map(([id, spending]) => [id, { usage: spending.usage, ...costFields(spending) }]),
  )

export const isNothing = ({ usage, usd, isCostKnown }: Spending): boolean =>
  isCostKnown && usage.totalTokens === 0 && usd === 0

/** No cost if it is unknown or nothing was spent. A cost of 0 is reported only for a free model. */
export function costFields(spending: Spending): { cost?: Cost } {
  if (!spending.isCostKnown || isNothing(spending)) return {}
  // Sums of binary fractions have rounding errors; no cost is below a billionth of a dollar.
  return { cost: { usd: Number(spending.usd.toFixed(9)) } }
}

/** The spending in a message's metadata; nothing if Loom did not write it. */
export function spendingIn(metadata: unknown): Spending {
  const { usage, cost, stepUsage } = fieldsOf(metadata)
  const total = readUsage(usage)
  const costUsd = readCost(cost)
  if (total === undefined) return noSpending
  if (costUsd !== undefined) return { usage: total, usd: costUsd, isCostKnown: true }
  // A turn that did not finish has reported only its steps.
  const steps = stepsIn({ stepUsage })
  const usd = steps.reduce((sum, { cost }) => sum + (cost?.usd ?? 0), 0)
  const isCostKnown = steps.every(({ cost, usage }) => cost !== undefined || isUnused(usage))
  return { usage: total, usd, isCostKnown: isUnused(total) || (isCostKnown && steps.length > 0) }
}

/** The spending of the turns that built a message so far, for the turn that continues it. */
export function spentOn(metadata: unknown): {
  spending: Spending
  steps: StepUsage[]
  tasks: Map<string, Spending>
} {
  return { spending: spendingIn(metadata), steps: stepsIn(metadata), tasks: tasksIn(metadata) }
}

/** The spending in a message's metadata without that of tasks, which have sessions of their own. */
export const ownSpendingIn = (metadata: unknown): Spending =>
  [...tasksIn(metadata).values()].reduce(subtractSpending, spendingIn(metadata))

function tasksIn(metadata: unknown): Map<string, Spending> {
  const tasks = Object.entries(fieldsOf(fieldsOf(metadata)['tasks']))
  return new Map(
    tasks.flatMap(([id, task]): [string, Spending][] => {
      const { usage, cost } = fieldsOf(task)
      const read = readUsage(usage)
      if (read === undefined) return []
      const usd = readCost(cost)
      return [
        [id, { usage: read, usd: usd ?? 0, isCostKnown: usd !== undefined || isUnused(read) }],
      ]
    }),
  )
}

/** The steps in a message's metadata. */
export function stepsIn(metadata: unknown): StepUsage[] {
  const { stepUsage } = fieldsOf(metadata)
  if (!Array.isArray(stepUsage)) return []
  return stepUsage.flatMap((step: unknown): StepUsage[] => {
    const { model, usage, cost } = fieldsOf(step)
    const read = readUsage(usage)
    if (read === undefined) return []
    const usd = readCost(cost)
    return [
      {
        ...(typeof model === 'string' && { model }),
        usage: read,
        ...(usd !== undefined && { cost: { usd } }),
      },
    ]
  })
}

const isUnused = ({ totalTokens }: Usage) => totalTokens === 0

function readUsage(value: unknown): Usage | undefined {
  const fields = fieldsOf(value)
  const counts = Object.keys(noUsage).map((name): [string, unknown] => [name, fields[name]])
  if (!counts.every(([, count]) => isAmount(count))) return undefined
  return { ...noUsage, ...Object.fromEntries(counts) }
}

function readCost(value: unknown): number | undefined {
  const { usd } = fieldsOf(value)
  return isAmount(usd) ? usd : undefined
}
