/** The history as it was before a cut: this cut and all later ones are undone, the last one first. */
import type { UIMessage } from 'ai'

import type { Branch } from './session.ts'

/** Returns undefined if there is no such branch, or no such message in it. */
export function historyAt(
  tree: { history: readonly UIMessage[]; branches: readonly Branch[] },
  { branch, through }: { branch?: number | undefined; through?: string | undefined },
): UIMessage[] | undefined {
  const messages = branch === undefined ? [...tree.history] : historyBefore(tree, branch)
  if (messages === undefined || through === undefined) return messages
  const end = messages.findIndex(({ id }) => id === through)
  return end === -1 ? undefined : messages.slice(0, end + 1)
}

/**
 * Messages before a cut change only by a later cut. Therefore undoing this cut and all later ones
 * gives the history before it.
 */
function historyBefore(
  { history, branches }: { history: readonly UIMessage[]; branches: readonly Branch[] },
  branch: number,
): UIMessage[] | undefined {
  const first = branches.findIndex(({ number }) => number === branch)
  if (first === -1) return undefined
  return branches
    .slice(first)
    .reduceRight<UIMessage[]>(
      (messages, { position, messages: cut }) => [...messages.slice(0, position), ...cut],
      [...history],
    )
}
