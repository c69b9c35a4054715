/** The compact forms of tokens, costs and steps in the metadata of an answer. */
import { isFields } from '../../ground/fields.ts'
import type { Usage } from '../../usage.ts'

/** Tokens of input and output, cached ones and those of reasoning. Zeros at the end are left out. */
type CompactUsage = number[]

/** A step: its usage, its model or null, and its cost in US dollars. */
type CompactStep = [usage: CompactUsage, model?: string | null, usd?: number]

export const numberIn = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

const sizeOf = (value: object) => Object.keys(value).length

/** Returns the US dollars of a `Cost`. Each function here returns undefined for a value of another shape. */
export function compactCost(value: unknown): number | undefined {
  return isFields(value) && sizeOf(value) === 1 ? numberIn(value['usd']) : undefined
}

export function compactUsage(value: unknown): CompactUsage | undefined {
  if (!isFields(value) || sizeOf(value) !== 5) return undefined
  const input = numberIn(value['inputTokens'])
  const output = numberIn(value['outputTokens'])
  const cached = numberIn(value['cachedInputTokens'])
  const reasoning = numberIn(value['reasoningTokens'])
  if (input === undefined || output === undefined) return undefined
  if (cached === undefined || reasoning === undefined) return undefined
  if (value['totalTokens'] !== input + output) return undefined
  if (reasoning !== 0) return [input, output, cached, reasoning]
  return cached === 0 ? [input, output] : [input, output, cached]
}

export function compactSteps(value: unknown): CompactStep[] | undefined {
  if (!Array.isArray(value)) return undefined
  const steps: CompactStep[] = []
  for (const step of value) {
    const compact = compactStep(step)
    if (compact === undefined) return undefined
    steps.push(compact)
  }
  return steps
}

function compactStep(step: unknown): CompactStep | undefined {
  if (!isFields(step)) return undefined
  const { model } = step
  const usage = compactUsage(step['usage'])
  const usd = compactCost(step['cost'])
  const size = 1 + Number(model !== undefined) + Number(usd !== undefined)
  if (usage === undefined || sizeOf(step) !== size) return undefined
  if (model !== undefined && typeof model !== 'string') return undefined
  if (usd !== undefined) return [usage, model ?? null, usd]
  return model === undefined ? [usage] : [usage, model]
}

/** Whether a `stepUsage` is one step with the model, the usage and the cost of the whole message. */
export function isWholeStep(
  stepUsage: unknown,
  { model, usage, cost }: Readonly<Record<string, unknown>>,
): boolean {
  if (!Array.isArray(stepUsage) || stepUsage.length !== 1 || typeof model !== 'string') return false
  const [step] = compactSteps(stepUsage) ?? []
  const sum = compactUsage(usage)
  const usd = compactCost(cost)
  if (step === undefined || sum === undefined || (cost !== undefined && usd === undefined)) {
    return false
  }
  const [ofStep, itsModel, itsUsd] = step
  return (
    itsModel === model &&
    itsUsd === usd &&
    ofStep.length === sum.length &&
    ofStep.every((count, index) => count === sum[index])
  )
}

// Loom wrote the lists that these functions read.

export function wholeUsage(stored: unknown): Usage | undefined {
  if (!Array.isArray(stored)) return undefined
  const counts: number[] = stored
  const [inputTokens = 0, outputTokens = 0, cachedInputTokens = 0, reasoningTokens = 0] = counts
  const totalTokens = inputTokens + outputTokens
  return { inputTokens, outputTokens, totalTokens, cachedInputTokens, reasoningTokens }
}

export function wholeStep(stored: unknown): object {
  if (!Array.isArray(stored)) return {}
  const [usage, model, usd]: unknown[] = stored
  return {
    ...(typeof model === 'string' && { model }),
    usage: wholeUsage(usage),
    ...(typeof usd === 'number' && { cost: { usd } }),
  }
}
