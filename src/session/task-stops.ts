/** The stops of tasks and of trees, and the deletion of trees. */
import type { QueueOnStop } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import { isTaskId, rootOf, type TaskEntry } from '../store/task.ts'
import type { TaskEnds, TaskWorld } from './task-ends.ts'
import { attemptOf, stopLetter } from './task-letters.ts'
import type { TaskPosts } from './task-posts.ts'

/** The times that a stop of a tree looks for tasks that others started meanwhile. */
const roundsMax = 10

export class TaskStops {
  readonly #world: TaskWorld
  readonly #posts: TaskPosts
  readonly #ends: TaskEnds

  constructor(world: TaskWorld, { posts, ends }: { posts: TaskPosts; ends: TaskEnds }) {
    this.#world = world
    this.#posts = posts
    this.#ends = ends
  }

  /** Ends a task and stops its turn, and the tasks that it waits for. Its parent gets no result of it. */
  async stop(id: string, tenant: string): Promise<void> {
    const { store, sessions, limits } = this.#world
    const { next } = await store.endTask(id, limits)
    // The end of a running turn stops the tasks below. A task that waits for a human has no turn.
    if (!(await sessions.stop(id, tenant, { queue: 'clear' }))) {
      await this.endWait(id, tenant, 'clear')
      await this.#stopAwaited(id, tenant)
    }
    await this.#posts.beginAll(next, tenant)
  }

  /** Stops the tasks that no call of a session waits for any more. */
  async stopLost(
    tasks: readonly TaskEntry[],
    { session, entry }: { session: SessionRecord; entry: TaskEntry | undefined },
  ): Promise<void> {
    const { id, state, turn, tenant } = session
    const isOver = state === 'idle' || isStoppedWait(entry, session)
    const live = isOver ? undefined : turn?.logId
    const lost = awaitedBy(tasks, id).filter(({ task }) => task.messageId !== live)
    for (const { task } of lost) await this.stop(task.id, tenant)
  }

  /** Stops a task by itself. Its parent gets the stop as the result. Returns false if it has ended already. */
  async cancel(id: string, tenant: string): Promise<boolean> {
    const { store, sessions } = this.#world
    const entry = await store.task(id)
    if (entry === undefined || entry.state === 'ended') return false
    // The end of its turn then does the rest.
    if (await sessions.stop(id, tenant, { queue: 'clear' })) return true
    const { task } = entry
    const session = await store.session(id)
    if (task.background) await this.#ends.deliver(task, { tenant, session, isStopped: true })
    await this.#ends.end(task, tenant)
    await this.#stopAwaited(id, tenant)
    if (session !== undefined && !task.background) await this.#ends.answerAbove(task, session, true)
    await this.endWait(id, tenant, 'clear')
    return true
  }

  /**
   * Ends the wait of a session for answers: its calls are settled, and its answer ends as stopped. Later answers are
   * refused. Returns false if the session does not wait.
   */
  async endWait(id: string, tenant: string, queue: QueueOnStop): Promise<boolean> {
    const { store, sessions } = this.#world
    const session = await store.session(id)
    const { state, turn, agent } = session ?? {}
    if (state !== 'waiting' || turn === undefined || session?.tenant !== tenant) return false
    const request = { agent: turn.agent ?? agent ?? '', stop: queue }
    await this.#posts.post(id, stopLetter(turn, request), { tenant })
    // If an answer came first, the letter waits behind its turn, which stops here.
    await sessions.stop(id, tenant, { logId: turn.logId, queue })
    return true
  }

  async #stopAwaited(id: string, tenant: string): Promise<void> {
    const tasks = await this.#world.store.unfinishedTasks(rootOf(id))
    for (const { task } of awaitedBy(tasks, id)) await this.stop(task.id, tenant)
  }

  /** Stops all tasks below a session. Returns their number. */
  async stopBelow(sessionId: string, tenant: string): Promise<number> {
    const { store, sessions, limits } = this.#world
    const stopped = new Set<string>()
    // A task may start others until it stops.
    for (let round = 0; round < roundsMax; round++) {
      // The unfinished tasks below a task may have an ended one between.
      const below = isTaskId(sessionId)
        ? tasksBelow(await store.tasks(rootOf(sessionId)), sessionId)
        : await store.unfinishedTasks(sessionId)
      const unfinished = below.filter(
        ({ task, state }) => state !== 'ended' && !stopped.has(task.id),
      )
      if (unfinished.length === 0) break
      // Queued tasks first: none of them begins in the place of another.
      const order = [...unfinished].sort((a, b) => rank(a) - rank(b))
      for (const { task } of order) {
        await store.endTask(task.id, limits)
        stopped.add(task.id)
      }
      // A parent comes before its tasks, so that it does not continue with their ends.
      for (const { task } of order) {
        if (!(await sessions.stop(task.id, tenant, { queue: 'clear' }))) {
          await this.endWait(task.id, tenant, 'clear')
        }
      }
    }
    return stopped.size
  }

  /**
   * Deletes a session and all tasks below it. Returns false if the tenant has no such session. If the process dies,
   * `settle` continues on another instance.
   * @param unusedSince see `SessionStore.remove`
   */
  async remove(sessionId: string, tenant: string, unusedSince?: number): Promise<boolean> {
    const { store, sessions } = this.#world
    if (isTaskId(sessionId)) {
      const session = await store.session(sessionId)
      const isTheirs = session === undefined || session.tenant === tenant
      const entry = await store.task(sessionId)
      if (!isTheirs || entry === undefined) return false
      // As after a stop, its parent does not wait for it any more, and its place is free for the next one.
      const { task } = entry
      if (task.background && entry.state !== 'ended') {
        await this.#ends.deliver(task, { tenant, session, isStopped: true })
      }
      await this.#ends.end(task, tenant)
      if (session !== undefined && !task.background)
        await this.#ends.answerAbove(task, session, true)
      await store.removeTask(sessionId)
    } else if (!(await sessions.removeOne(sessionId, tenant, unusedSince))) return false
    await this.sweep(rootOf(sessionId))
    return true
  }

  /** Deletes the sessions of removed tasks. */
  async sweep(rootId: string): Promise<void> {
    const { store, sessions } = this.#world
    const removed = await store.removedTasks(rootId)
    for (const id of removed) {
      const session = await store.session(id)
      if (session !== undefined) await sessions.removeOne(id, session.tenant)
    }
    if (removed.length > 0) await store.forgetTasks(rootId, removed)
  }
}

/** The tasks below a session. A task comes after its parent. */
export function tasksBelow(entries: readonly TaskEntry[], sessionId: string): TaskEntry[] {
  const above = new Set([sessionId])
  return entries.filter(({ task }) => {
    const isBelow = above.has(task.parent)
    if (isBelow) above.add(task.id)
    return isBelow
  })
}

/** The unfinished tasks whose calls a session waits for. */
const awaitedBy = (entries: readonly TaskEntry[], sessionId: string): TaskEntry[] =>
  entries.filter(
    ({ task, state }) => task.parent === sessionId && !task.background && state !== 'ended',
  )

/** Whether the answer of a task waits for a human although the task was stopped. It takes no answers any more. */
const isStoppedWait = (entry: TaskEntry | undefined, { state, turn }: SessionRecord): boolean =>
  entry?.state === 'ended' &&
  state === 'waiting' &&
  attemptOf(entry.task, turn?.logId ?? '') !== undefined

const rank = ({ state }: TaskEntry) => (state === 'queued' ? 0 : 1)
