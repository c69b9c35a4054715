/**
 * The tasks of sessions: their start, their ends and their results. A task is a session, so the store, the
 * mailboxes and the takeover do for it what they do for each session. This file adds the links of the tree.
 * Each step may be repeated: letters have ids that follow from the call, and the index of the instances keeps
 * a session until the steps after its turn are done (`settle`).
 */
import { createHash } from 'node:crypto'

import type { TaskOrder } from '../call-task.ts'
import { LoomError } from '../ground/error.ts'
import { currentTrace } from '../ground/trace.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Sink } from '../sink.ts'
import type { Store } from '../store.ts'
import type { SessionRecord } from '../store/session.ts'
import {
  isTaskId,
  rootOf,
  type Task,
  type TaskEntry,
  taskId,
  taskKey,
  type TaskLimits,
} from '../store/task.ts'
import type { TaskInfo } from '../task.ts'
import { acceptAnswers } from './accept-answer.ts'
import { readLogInto } from './log-events.ts'
import { TaskEnds } from './task-ends.ts'
import { followTask } from './task-follow.ts'
import { taskInfo } from './task-info.ts'
import { taskLetter, titleOf } from './task-letters.ts'
import { type PostOfTask, TaskPosts } from './task-posts.ts'
import { answersBelow, hasBegun } from './task-questions.ts'
import type { TaskSessions } from './task-sessions.ts'
import { tasksBelow, TaskStops } from './task-stops.ts'
import type { CallOfTask, TaskEnd, TaskOrigin, TurnTasks } from './turn-tasks.ts'

/** The limits of trees. */
export interface TreeLimits extends TaskLimits {
  /** The greatest number of sessions above a task. */
  depthMax: number
}

/** The number of tasks whose questions `list` reads at a time. */
const listPortion = 50

export interface TasksOptions {
  sessions: TaskSessions
  store: Store
  post: PostOfTask
  limits: TreeLimits
  /** The longest wait for a hint, in milliseconds. */
  pollMs: number
  report: (error: unknown) => void
}

export class Tasks implements TurnTasks {
  readonly stops: TaskStops
  readonly #options: TasksOptions
  readonly #posts: TaskPosts
  readonly #ends: TaskEnds

  constructor(options: TasksOptions) {
    this.#options = options
    this.#posts = new TaskPosts(options)
    this.#ends = new TaskEnds(options, this.#posts)
    this.stops = new TaskStops(options, { posts: this.#posts, ends: this.#ends })
  }

  // Of a tool call

  /** @throws LoomError `refused` for a limit of the tree; `gone` if the session of the call was deleted */
  async start(
    origin: TaskOrigin,
    { agent, prompt, background, restarts }: TaskOrder,
    above: FoldedMessage,
  ): Promise<Task> {
    const { store, limits } = this.#options
    const { sessionId, tenant, messageId, toolCallId, path, context } = origin
    if (path.length > limits.depthMax) {
      throw new LoomError(
        'refused',
        `A task has at most ${limits.depthMax} ${limits.depthMax === 1 ? 'session' : 'sessions'} above it. Do the work without this sub-agent.`,
      )
    }
    const key = keyOf(sessionId, messageId, toolCallId)
    const { model: _model, context: _context, ...inherited } = origin.request
    // The turn of the task is a part of the call that starts it.
    const request = { ...inherited, ...currentTrace() }
    const task: Task = {
      id: taskId(rootOf(sessionId), key),
      parent: sessionId,
      messageId,
      toolCallId,
      path,
      agent,
      background,
      restarts,
      letter: taskLetter(key, prompt, { request, context }),
    }
    // A call that runs again does not begin a task anew that was deleted meanwhile.
    if (
      hasBegun(above, { taskKey: key, toolCallId }) &&
      (await store.task(task.id)) === undefined
    ) {
      throw new LoomError('gone', 'The task was deleted.')
    }
    const added = await store.addTask(task, limits)
    if (!('state' in added)) {
      if (added.status === 'gone')
        throw new LoomError('gone', 'The session of this task was deleted.')
      throw new LoomError(
        'refused',
        `This conversation has ${limits.unfinishedMax} unfinished tasks, and more are not allowed. Wait until one of them has ended, and call again.`,
      )
    }
    if (added.state === 'open') await this.#posts.begin(task, tenant)
    return task
  }

  /** Follows a task to its end. `sink` receives its events from the beginning. */
  follow(task: Task, options: { sink: Sink; signal: AbortSignal }): Promise<TaskEnd> {
    const { sessions, store, pollMs } = this.#options
    const read = (sink: Sink, logId: string, after: string | undefined, signal: AbortSignal) =>
      readLogInto(sink, sessions.readers, {
        sessionId: task.id,
        place: { logId, after, skip: 0 },
        signal,
      })
    return followTask({ sessions, store, pollMs, read }, task, options)
  }

  /** Gives a task the answers that the message above has to its questions. */
  async answer(task: Task, above: FoldedMessage): Promise<void> {
    const { sessions, store } = this.#options
    const session = await sessions.session(task.id)
    if (session?.state !== 'waiting' || session.turn === undefined) return
    // It was stopped while it waited.
    if ((await store.task(task.id))?.state === 'ended') return
    const message = await sessions.partialAnswer(task.id, session.turn.logId)
    const answers = answersBelow(above, { taskKey: keyIn(task), message })
    if (answers.length > 0) await acceptAnswers(sessions, session, answers)
  }

  // After a turn

  /**
   * Does what follows from the end of a turn: the result of a background task, the begin of the next task that
   * waits for a place, the stop of tasks that no call waits for any more, the end of a deletion or of a stop.
   * @param hasTasks false if the session has no tasks of its own
   */
  async settle(sessionId: string, hasTasks: boolean): Promise<void> {
    const { store } = this.#options
    const entry = isTaskId(sessionId) ? await store.task(sessionId) : undefined
    // Before the session: a task that starts after this read is not without its call.
    const tasks = hasTasks ? await store.unfinishedTasks(rootOf(sessionId)) : []
    const session = await store.session(sessionId)
    // It was deleted, perhaps by an instance that died before it deleted the tasks below.
    if (session === undefined) return this.stops.sweep(rootOf(sessionId))
    const { state, turn, tenant } = session
    // The stop came while the turn began to wait.
    if (state === 'waiting' && turn?.stop !== undefined) {
      await this.stops.endWait(sessionId, tenant, session.held === true ? 'hold' : 'run')
      return
    }
    if (entry !== undefined) await this.#ends.settle(entry, session)
    await this.stops.stopLost(tasks, { session, entry })
  }

  /** Whether a call waits for a task, or has waited for one. */
  async awaitsTask({ sessionId, messageId, toolCallId }: CallOfTask): Promise<boolean> {
    const id = taskId(rootOf(sessionId), keyOf(sessionId, messageId, toolCallId))
    const entry = await this.#options.store.task(id)
    return entry !== undefined && !entry.task.background
  }

  /** Ends a task and stops its turn. Its parent gets no result of it. */
  stop(id: string, tenant: string): Promise<void> {
    return this.stops.stop(id, tenant)
  }

  // Reading

  /** Returns the task of a session with its state. Returns undefined for the root of a tree. */
  async entryOf(sessionId: string): Promise<TaskEntry | undefined> {
    return isTaskId(sessionId) ? this.#options.store.task(sessionId) : undefined
  }

  /** Returns the task of a session. Returns undefined for the root of a tree. */
  async taskOf(sessionId: string): Promise<Task | undefined> {
    return (await this.entryOf(sessionId))?.task
  }

  /** Returns the tasks below a session, the first started one first. */
  async list(sessionId: string, tenant: string): Promise<TaskInfo[]> {
    const { store, sessions } = this.#options
    const below = tasksBelow(await store.tasks(rootOf(sessionId)), sessionId)
    const records = await store.sessions(below.map(({ task }) => task.id))
    const infoOf = async (entry: TaskEntry, session: SessionRecord | undefined) => {
      const { turn } = session ?? {}
      const isAsking = session?.state === 'waiting' && entry.state !== 'ended'
      const message =
        isAsking && turn !== undefined
          ? await sessions.partialAnswer(session.id, turn.logId)
          : undefined
      return taskInfo(entry, { session, message, tenant, title: titleOf(entry.task.letter) })
    }
    const infos: TaskInfo[] = []
    for (let at = 0; at < below.length; at += listPortion) {
      const some = below.slice(at, at + listPortion)
      infos.push(
        ...(await Promise.all(some.map((entry, index) => infoOf(entry, records[at + index])))),
      )
    }
    return infos
  }
}

/** 26 digits and letters that identify the call. */
function keyOf(sessionId: string, messageId: string, toolCallId: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([sessionId, messageId, toolCallId]))
    .digest()
  return BigInt(`0x${hash.toString('hex', 0, 16)}`)
    .toString(36)
    .padStart(26, '0')
}

const keyIn = ({ id }: Task): string => taskKey(id) ?? ''
