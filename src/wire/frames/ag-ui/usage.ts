/** The token counts of a run in the form of AG-UI: one entry for each model. */
import type { AgUiUsage } from './events.ts'

const countNames = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'reasoningTokens',
  'cachedInputTokens',
] as const

type Counts = Record<(typeof countNames)[number], number>

/**
 * @param metadata the metadata of an answer, with the usage of all its steps
 * @param before the metadata at the end of an earlier run of the same answer
 */
export function runUsage(metadata: unknown, before: unknown): AgUiUsage[] | undefined {
  const steps = stepsIn(metadata).slice(stepsIn(before).length)
  const models = new Map<string, Counts>()
  for (const step of steps) {
    const name = fieldOf(step, 'model')
    const key = typeof name === 'string' ? name : ''
    const sum = models.get(key) ?? noCounts()
    for (const count of countNames) sum[count] += countOf(fieldOf(step, 'usage'), count)
    models.set(key, sum)
  }
  const entries = [...models].flatMap(([name, counts]) => usageOf(name, counts) ?? [])
  return entries.length === 0 ? undefined : entries
}

/** A count that the provider does not report is 0 in Loom, and absent in AG-UI. */
function usageOf(name: string, counts: Counts): AgUiUsage | undefined {
  const { inputTokens, outputTokens, totalTokens, reasoningTokens, cachedInputTokens } = counts
  if (totalTokens === 0) return undefined
  const at = name.indexOf('/')
  return {
    ...(at > 0 && { provider: name.slice(0, at) }),
    ...(name !== '' && { model: name.slice(at + 1) }),
    inputTokens,
    outputTokens,
    totalTokens,
    ...(reasoningTokens > 0 && { reasoningTokens }),
    ...(cachedInputTokens > 0 && { cachedInputTokens }),
  }
}

function stepsIn(metadata: unknown): unknown[] {
  const steps = fieldOf(metadata, 'stepUsage')
  return Array.isArray(steps) ? steps : []
}

function noCounts(): Counts {
  return {
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
    reasoningTokens: 0,
    cachedInputTokens: 0,
  }
}

function countOf(usage: unknown, name: string): number {
  const count = fieldOf(usage, name)
  return typeof count === 'number' ? count : 0
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined
}
