/** The ids of the task sessions of each root. */
import { isTaskId, rootOf } from '../task.ts'

export class Trees {
  readonly #tasks = new Map<string, Set<string>>()

  /** Notes a session. One that is no task has no effect. */
  add(id: string): void {
    if (!isTaskId(id)) return
    const rootId = rootOf(id)
    this.#tasks.set(rootId, (this.#tasks.get(rootId) ?? new Set()).add(id))
  }

  delete(id: string): void {
    const rootId = rootOf(id)
    const tasks = this.#tasks.get(rootId)
    if (tasks?.delete(id) === true && tasks.size === 0) this.#tasks.delete(rootId)
  }

  /** The tasks of a tree that were noted, in any order. A session that is no root has none. */
  tasksOf(rootId: string): Iterable<string> {
    return this.#tasks.get(rootId) ?? []
  }
}
