/** The history as it was: every cut undone, from the last one back to the one that is asked for. */
import type { UIMessage } from 'ai'

import type { Branch } from './session.ts'

/** Undefined where there is no such branch, or no such message in it. */
export function historyAt(
  tree: { history: readonly UIMessage[]; branches: readonly Branch[] },
  { branch, through }: { branch?: number | undefined; through?: string | undefined },
): UIMessage[] | undefined {
  const messages = branch === undefined ? [...tree.history] : undone(tree, branch)
  if (messages === undefined || through === undefined) return messages
  const end = messages.findIndex(({ id }) => id === through)
  return end === -1 ? undefined : messages.slice(0, end + 1)
}

/** What stands before a cut is only ever touched by a later cut. */
function undone(
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
