/** The tasks of one root, in the order of their start, with a journal for a file that follows them. */
import { isNothing, type Spending } from '../../spending.ts'
import type { AddedTask, Task, TaskEntry, TaskLimits } from '../task.ts'
import { SpendingSum } from './spending-sum.ts'

export class TaskTree {
  /** By id. A change replaces the entry. */
  readonly #entries = new Map<string, TaskEntry>()
  /** The tasks that have not ended. Only these are counted, because a tree may have very many others. */
  readonly #unfinished = new Set<string>()
  /** The removed tasks whose sessions may still be there. */
  readonly #removed = new Set<string>()
  readonly #sum = new SpendingSum()
  #hasBegun = false
  /** The ids whose state changed since the last call of `watch` or `take`. Undefined before the first `watch`. */
  #changed: Set<string> | undefined

  get(id: string): TaskEntry | undefined {
    return this.#entries.get(id)
  }

  all(): TaskEntry[] {
    return [...this.#entries.values()]
  }

  /** The tasks that have not ended, in the order of their start. */
  unfinished(): TaskEntry[] {
    return [...this.#unfinished].flatMap((id) => this.#entries.get(id) ?? [])
  }

  get removed(): ReadonlySet<string> {
    return this.#removed
  }

  /** Whether the tree has or had a task. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The spending of all tasks but one, also of removed ones. */
  spentBeside(id: string): Spending {
    return this.#sum.totalWithout(this.#entries.get(id)?.spent)
  }

  /** The spending of the removed tasks. */
  get removedSpent(): Spending {
    return this.#sum.kept
  }

  set removedSpent(spent: Spending) {
    this.#sum.kept = spent
    this.#hasBegun = true
  }

  add(task: Task, createdAt: number, { unfinishedMax, openMax }: TaskLimits): AddedTask {
    const { id, parent } = task
    const known = this.#entries.get(id)
    if (known !== undefined) return { status: 'known', state: known.state }
    // The caller deletes the session of a removed task, so the id cannot begin again before that.
    if (this.#removed.has(id)) return { status: 'gone' }
    if (this.#unfinished.size >= unfinishedMax) return { status: 'full' }
    const state = this.#roomOf(parent, openMax) > 0 ? 'open' : 'queued'
    this.put({ task, state, createdAt })
    return { status: 'added', state }
  }

  /** Returns the ids of the queued tasks that are open because of this; undefined if the task had ended. */
  end(id: string, openMax: number): string[] | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.state === 'ended') return undefined
    this.put({ ...entry, state: 'ended' })
    return entry.state === 'open' ? this.#openNext(entry, openMax) : []
  }

  /** Makes an open task `waiting`. Returns as `end`; undefined if the task was not open. */
  park(id: string, openMax: number): string[] | undefined {
    const entry = this.#entries.get(id)
    if (entry?.state !== 'open') return undefined
    this.put({ ...entry, state: 'waiting' })
    return this.#openNext(entry, openMax)
  }

  #openNext({ task: { parent } }: TaskEntry, openMax: number): string[] {
    const room = this.#roomOf(parent, openMax)
    const next = this.#unfinishedOf(parent, 'queued').slice(0, Math.max(0, room))
    for (const each of next) this.put({ ...each, state: 'open' })
    return next.map(({ task }) => task.id)
  }

  /** Replaces the spending of a task. */
  noteSpending(id: string, spent: Spending): void {
    const found = this.#entries.get(id)
    if (found === undefined) return
    const { spent: before, ...entry } = found
    if (!isNothing(spent)) this.put({ ...entry, spent })
    else if (before !== undefined) this.put(entry)
  }

  /** Removes a task and all below it. Returns false if the tree lacks it. */
  remove(id: string): boolean {
    if (!this.#entries.has(id)) return false
    const removed = new Set([id])
    // A task comes after its parent.
    for (const { task } of this.#entries.values()) {
      if (removed.has(task.parent)) removed.add(task.id)
    }
    for (const each of removed) this.drop(each, { isRemoved: true })
    return true
  }

  /** Removes all tasks. */
  clear(): void {
    for (const id of this.#entries.keys()) this.drop(id, { isRemoved: true })
    this.#sum.clear()
    this.#hasBegun = false
  }

  /** Stores an entry. A new one comes last. */
  put(entry: TaskEntry): void {
    const { id } = entry.task
    this.#hasBegun = true
    this.#sum.replace(this.#entries.get(id)?.spent, entry.spent)
    this.#entries.set(id, entry)
    if (entry.state === 'ended') this.#unfinished.delete(id)
    else this.#unfinished.add(id)
    this.#changed?.add(id)
  }

  /** Takes a task out of the tree. @param isRemoved false if its session is deleted already */
  drop(id: string, { isRemoved }: { isRemoved: boolean }): void {
    this.#sum.keep(this.#entries.get(id)?.spent)
    this.#entries.delete(id)
    this.#unfinished.delete(id)
    if (isRemoved) this.#removed.add(id)
    else this.#removed.delete(id)
    this.#changed?.add(id)
  }

  /** Begins a journal of the changes. Returns all ids. */
  watch(): string[] {
    this.#changed = new Set()
    return [...this.#entries.keys(), ...this.#removed]
  }

  /** Returns the ids that changed since the last call. */
  take(): string[] {
    const changed = [...(this.#changed ?? [])]
    this.#changed?.clear()
    return changed
  }

  #roomOf(parent: string, openMax: number): number {
    return openMax - this.#unfinishedOf(parent, 'open').length
  }

  #unfinishedOf(parent: string, state: TaskEntry['state']): TaskEntry[] {
    return this.unfinished().filter(
      (entry) => entry.task.parent === parent && entry.state === state,
    )
  }
}
