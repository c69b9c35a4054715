/**
 * Tokens and money, added up over replies, steps, turns and sessions. A part whose cost is not known
 * makes the cost of the whole unknown: `usd` is then only what is known of it, good for a budget and
 * not for telling.
 */
import { fieldsOf } from './ground/fields.ts'
import { addUsage, noUsage, type Usage } from './usage.ts'

export interface Spending {
  usage: Usage
  /** US dollars, as far as they are known. */
  usd: number
  isCostKnown: boolean
}

/**
 * The cost of a step, a run or a message. Where a cost is unknown, no `Cost` is present: 0 means free.
 * @example
 * ```ts
 * import type { Cost } from 'loom'
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
 * import type { StepUsage } from 'loom'
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

/** As a message's metadata tells it. */
export interface ToldSpending {
  usage: Usage
  /** Null takes back what an earlier turn of the message told: metadata is merged. */
  cost?: Cost | null
  stepUsage: readonly StepUsage[]
}

export const noSpending: Readonly<Spending> = { usage: noUsage, usd: 0, isCostKnown: true }

export function addSpending(a: Readonly<Spending>, b: Readonly<Spending>): Spending {
  return {
    usage: addUsage(a.usage, b.usage),
    usd: a.usd + b.usd,
    isCostKnown: a.isCostKnown && b.isCostKnown,
  }
}

export const isNothing = ({ usage, usd, isCostKnown }: Spending): boolean =>
  isCostKnown && usage.totalTokens === 0 && usd === 0

/** Nothing where it is not known, or where nothing was spent: a 0 is told of a free model only. */
export function toldCost(spending: Spending): { cost?: Cost } {
  if (!spending.isCostKnown || isNothing(spending)) return {}
  // Sums of binary fractions have tails; nothing costs less than a billionth of a dollar.
  return { cost: { usd: Number(spending.usd.toFixed(9)) } }
}

/** What a message's metadata says of its spending. Nothing of what Loom did not write. */
export function spendingIn(metadata: unknown): Spending {
  const { usage, cost, stepUsage } = fieldsOf(metadata)
  const total = readUsage(usage)
  const told = readCost(cost)
  if (total === undefined) return noSpending
  if (told !== undefined) return { usage: total, usd: told, isCostKnown: true }
  // A turn that did not come to its end has told its steps alone.
  const steps = stepsIn({ stepUsage })
  const usd = steps.reduce((sum, { cost }) => sum + (cost?.usd ?? 0), 0)
  const isCostKnown = steps.every(({ cost, usage }) => cost !== undefined || isUnused(usage))
  return { usage: total, usd, isCostKnown: isUnused(total) || (isCostKnown && steps.length > 0) }
}

/** What the turns that made a message have spent so far, for the one that goes on with it. */
export function spentOn(metadata: unknown): { spending: Spending; steps: StepUsage[] } {
  return { spending: spendingIn(metadata), steps: stepsIn(metadata) }
}

/** The steps that a message's metadata tells of. */
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

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
