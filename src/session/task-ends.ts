/**
 * The ends of tasks: a restart, the result for the parent, the place for the next task. Each step may be repeated:
 * letters have ids that follow from the task.
 */
import type { Letter } from '../store/letter.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import {
  rootOf,
  type Task,
  type TaskEntry,
  taskKey,
  type TaskLimits,
  type TaskStore,
} from '../store/task.ts'
import { answerId } from './answer-letter.ts'
import {
  attemptOf,
  endIn,
  replyIdOf,
  restartLetter,
  resultLetter,
  type TaskResult,
} from './task-letters.ts'
import type { TaskPosts } from './task-posts.ts'
import { answersAbove } from './task-questions.ts'
import type { TaskSessions } from './task-sessions.ts'
import { publicId } from './tenant-ids.ts'

/** The letters of results never find a full mailbox: the tree has a limit of its own. */
const resultsMax = 1_000_000

export interface TaskWorld {
  sessions: TaskSessions
  store: TaskStore & SessionReader
  limits: TaskLimits
}

export class TaskEnds {
  readonly #world: TaskWorld
  readonly #posts: TaskPosts

  constructor(world: TaskWorld, posts: TaskPosts) {
    this.#world = world
    this.#posts = posts
  }

  /** Does what follows from the end of a turn of a task. */
  async settle(entry: TaskEntry, session: SessionRecord): Promise<void> {
    const { task, state } = entry
    if (session.state === 'running') return
    if (session.state === 'waiting') await this.#park(task, session.tenant)
    if (session.state === 'idle' && (session.queued === 0 || session.held === true)) {
      if (state !== 'ended' && (await this.#restart(task, session))) return
      if (state !== 'ended' && task.background) {
        await this.deliver(task, { tenant: session.tenant, session })
      }
      await this.end(task, session.tenant)
    }
    if (!task.background) await this.answerAbove(task, session)
  }

  /** Gives the place of a task that waits to the next one: others could wait very long for a human. */
  async #park(task: Task, tenant: string): Promise<void> {
    const { store, limits } = this.#world
    const { isNew, next } = await store.parkTask(task.id, limits)
    await this.#posts.beginAll(isNew ? next : await this.#unbegun(task), tenant)
  }

  /** Runs a task again after an error. Returns false if it has failed for good, or not at all. */
  async #restart(task: Task, session: SessionRecord): Promise<boolean> {
    if (task.restarts === 0) return false
    const { state, attempt } = await this.#endOf(task, session)
    if (state !== 'failed' || attempt === undefined || attempt >= task.restarts) return false
    await this.#posts.post(task.id, restartLetter(task, attempt + 1), { tenant: session.tenant })
    return true
  }

  /** The end of the answer of the task itself. Since then, its session may have answered other messages. */
  async #endOf(
    task: Task,
    { id, turn, error }: SessionRecord,
  ): Promise<TaskResult & { attempt: number | undefined }> {
    const { sessions } = this.#world
    const attempt = turn && attemptOf(task, turn.logId)
    const own = attempt === undefined ? await this.#earlierEnd(task) : undefined
    if (own !== undefined) return own
    const end = error === undefined ? 'finished' : 'failed'
    return {
      attempt,
      state: turn?.stop === undefined ? end : 'stopped',
      error,
      message: turn && (await sessions.answerOf(id, turn.logId)),
    }
  }

  /** The end of the last attempt in the history. */
  async #earlierEnd(task: Task): Promise<(TaskResult & { attempt: number }) | undefined> {
    const { sessions } = this.#world
    let found: (TaskResult & { attempt: number }) | undefined
    for (let attempt = 0; attempt <= task.restarts; attempt++) {
      const message = await sessions.answerOf(task.id, replyIdOf(task, attempt))
      if (message === undefined) break
      const { state, error } = endIn(message)
      found = { attempt, state, error, message }
    }
    return found
  }

  /** Posts the result of a background task to its parent. */
  async deliver(
    task: Task,
    {
      tenant,
      session,
      isStopped = false,
    }: { tenant: string; session: SessionRecord | undefined; isStopped?: boolean },
  ): Promise<void> {
    const none: TaskResult = { state: 'stopped', error: undefined, message: undefined }
    const end = session === undefined ? none : await this.#endOf(task, session)
    const letter = resultLetter(
      task,
      { ...end, ...(isStopped && { state: 'stopped' }) },
      { id: publicId(tenant, task.id), request: task.letter.request },
    )
    await this.#posts.post(task.parent, letter, {
      tenant,
      whenBusy: 'steer',
      isResult: true,
      mailboxLimit: resultsMax,
    })
  }

  /** Ends a task in its tree, and begins the next one that waits for its place. */
  async end(task: Task, tenant: string): Promise<void> {
    const { store, limits } = this.#world
    const { isNew, next } = await store.endTask(task.id, limits)
    // After a repetition, an earlier attempt may have ended before it began the next tasks.
    await this.#posts.beginAll(isNew ? next : await this.#unbegun(task), tenant)
  }

  /** Returns the tasks beside this one that have a place and no session. */
  async #unbegun({ id, parent }: Task): Promise<string[]> {
    const { store } = this.#world
    const beside = (await store.unfinishedTasks(rootOf(id))).filter(
      ({ task, state }) => task.parent === parent && state === 'open',
    )
    const sessions = await store.sessions(beside.map(({ task }) => task.id))
    return beside.flatMap(({ task }, index) => (sessions[index] === undefined ? [task.id] : []))
  }

  /** Continues a parent that waits for an answer which the task got itself. */
  async answerAbove(task: Task, session: SessionRecord, isEnded = false): Promise<void> {
    const { sessions } = this.#world
    const parent = await sessions.session(task.parent)
    const { turn } = parent ?? {}
    if (parent?.state !== 'waiting' || turn?.logId !== task.messageId) return
    const above = await sessions.partialAnswer(parent.id, turn.logId)
    const message = session.turn && (await sessions.answerOf(session.id, session.turn.logId))
    if (message === undefined) return
    const answers = answersAbove(above, { taskKey: taskKey(task.id) ?? '', message, isEnded })
    if (answers.length === 0) return
    const letter: Letter = {
      id: answerId({ id: turn.logId }, answers),
      kind: 'answer',
      replyId: turn.logId,
      answer: answers,
      request: task.letter.request,
    }
    await this.#posts.post(parent.id, letter, { tenant: parent.tenant })
  }
}
