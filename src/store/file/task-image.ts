/** The tasks that the file of a root contains. The image compares them with the tree in memory. */
import { noSpending, type Spending } from '../../spending.ts'
import type { Letter } from '../letter.ts'
import type { TaskTree } from '../memory/task-tree.ts'
import type { StoredTasks } from './stored.ts'

export class TaskImage {
  /** The tree that the image follows. Undefined before the first task. */
  #tree: TaskTree | undefined
  /** The tasks in the file. */
  readonly #stored = new Set<string>()
  /** The ids whose changes the file lacks. */
  #waiting = new Set<string>()
  #removedSpent: Spending = noSpending

  /** Forgets all tasks, because the session of the file begins anew. */
  clear(): void {
    this.#tree = undefined
    this.#stored.clear()
    this.#waiting.clear()
    this.#removedSpent = noSpending
  }

  /**
   * Returns the changes that the file lacks. Returns undefined if there are none.
   * @param letterOf returns the number of a letter in the file
   * @param limit the greatest number of tasks. The next call returns others
   */
  changeOf(
    tree: TaskTree | undefined,
    letterOf: (letter: Letter) => number,
    limit = Infinity,
  ): StoredTasks | undefined {
    if (tree === undefined) return undefined
    for (const id of tree === this.#tree ? tree.take() : tree.watch()) this.#waiting.add(id)
    this.#tree = tree
    const { removedSpent } = tree
    const isSpentNew = removedSpent !== this.#removedSpent
    if (this.#waiting.size === 0 && !isSpentNew) return undefined
    this.#removedSpent = removedSpent
    const ids = [...this.#waiting].slice(0, limit)
    const added: StoredTasks['added'] = []
    const changed: StoredTasks['changed'] = []
    const gone: StoredTasks['gone'] = []
    for (const id of ids) {
      this.#waiting.delete(id)
      const entry = tree.get(id)
      if (entry === undefined) {
        this.#stored.delete(id)
        gone.push([id, tree.removed.has(id)])
      } else if (this.#stored.has(id)) {
        const { state, spent } = entry
        changed.push(spent === undefined ? [id, state] : [id, state, spent])
      } else {
        this.#stored.add(id)
        const { letter, ...task } = entry.task
        added.push({ ...entry, task: { ...task, letter: letterOf(letter) } })
      }
    }
    return {
      ...(added.length > 0 && { added }),
      ...(changed.length > 0 && { changed }),
      ...(gone.length > 0 && { gone }),
      ...(isSpentNew && { removedSpent }),
    }
  }
}
