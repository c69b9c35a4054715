/** The costs of a session: fields of its hash that scripts add to. */
import { isNothing, noSpending, type Spending } from '../../spending.ts'
import type { Signatures } from './signature.ts'

type Name = Extract<Signatures['read-session']['returns'][number], `spent${string}`>

/** A list of names and amounts in turn, as scripts take it. */
export function amountsOf({ usage, usd, isCostKnown }: Spending = noSpending): string[] {
  const amounts: Record<Name, number> = {
    spentInput: usage.inputTokens,
    spentOutput: usage.outputTokens,
    spentCached: usage.cachedInputTokens,
    spentReasoning: usage.reasoningTokens,
    spentUsd: usd,
    // The number of messages whose cost is unknown.
    spentUnknown: isCostKnown ? 0 : 1,
  }
  return Object.entries(amounts)
    .filter(([, amount]) => amount > 0)
    .flatMap(([name, amount]) => [name, String(amount)])
}

/** The stored form of the spending of an unfinished message; '' for nothing. */
export const spendingText = (spent: Spending = noSpending): string =>
  isNothing(spent) ? '' : JSON.stringify(spent)

export function spendingIn(text: string): Spending {
  const spent: Spending = JSON.parse(text)
  return spent
}

/** @param fields '' if no amount was added yet */
export function spendingOf(fields: Record<Name, string>): Spending | undefined {
  const inputTokens = Number(fields.spentInput)
  const outputTokens = Number(fields.spentOutput)
  const spent = {
    usage: {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cachedInputTokens: Number(fields.spentCached),
      reasoningTokens: Number(fields.spentReasoning),
    },
    usd: Number(fields.spentUsd),
    isCostKnown: Number(fields.spentUnknown) === 0,
  }
  return isNothing(spent) ? undefined : spent
}
