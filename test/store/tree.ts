/** A tree of tasks in every state. */
import { noSpending, type Spending } from '../../src/spending.ts'
import type { Store } from '../../src/store.ts'
import { idOf, taskOf } from '../../src/testing/store-contract/tasks.ts'
import { converse, letter } from './conversation.ts'

export { idOf, taskOf }

const limits = { unfinishedMax: 10, openMax: 1 }

/** One change of the tree after the other. The root has had a turn. */
export function changesOf(store: Store, root: string): (() => Promise<unknown>)[] {
  const add = (name: string, parent = root) => store.addTask(taskOf(root, name, { parent }), limits)
  const end = (name: string) => store.endTask(idOf(root, name), limits)
  const spent = { ...noSpending, usd: 0.5 }
  return [
    () => add('a'),
    () => add('b', idOf(root, 'a')),
    () => add('c', idOf(root, 'b')),
    () => add('d'),
    () => add('e'),
    () => runTask(store, idOf(root, 'a'), 'm1', spent),
    () => runTask(store, idOf(root, 'b'), 'm2', spent),
    () => end('a'),
    () => runTask(store, idOf(root, 'a'), 'm3', { ...spent, usd: 1 }),
    () => runTask(store, idOf(root, 'c'), 'm1', { ...spent, usd: 0.25 }),
    () => store.removeTask(idOf(root, 'c')),
    () => store.remove(idOf(root, 'c'), { tenant: '' }),
    () => store.forgetTasks(root, [idOf(root, 'c')]),
    () => add('c', idOf(root, 'b')),
    () => store.removeTask(idOf(root, 'c')),
  ]
}

async function runTask(store: Store, id: string, message: string, spent: Spending) {
  const talk = converse(store, id)
  await talk.finish(await talk.claim(letter(message)), { spent, logTtlMs: 5 * 60_000 })
}

/** Makes all of the changes. */
export async function growTree(store: Store, root: string): Promise<void> {
  for (const change of changesOf(store, root)) await change()
}

/** Everything that the store shows of a tree. */
export async function treeOf(store: Store, root: string) {
  return {
    tasks: await store.tasks(root),
    removed: await store.removedTasks(root),
    spent: await store.spentBeside(root),
  }
}
