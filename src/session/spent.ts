/**
 * What a session has spent, read off the metadata of its messages. What was cut out of the history is
 * not in it.
 */
import type { UIMessage } from 'ai'

import { addSpending, noSpending, type Spending, spendingIn, stepsIn } from '../spending.ts'

/** By all messages but the one that a turn is about to go on with. */
export function spentIn(messages: readonly UIMessage[], but: string): Spending {
  return messages
    .filter(({ id, role }) => role === 'assistant' && id !== but)
    .reduce((sum, { metadata }) => addSpending(sum, spendingIn(metadata)), noSpending)
}

/** By the turns that made a message so far. */
export function spentOn({ metadata }: { metadata?: unknown }) {
  return { spending: spendingIn(metadata), steps: stepsIn(metadata) }
}
