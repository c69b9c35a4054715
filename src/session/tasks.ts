/**
 * The tasks of sessions: their start, their ends and their results. A task is a session, so the store, the
 * mailboxes and the takeover do for it what they do for each session. This file adds the links of the tree.
 * Each step may be repeated: letters have ids that follow from the call, and the index of the instances keeps
 * a session until the steps after its turn are done (`settle`).
 */
import { createHash } from 'node:crypto'

import type { TaskOrder } from '../call-task.ts'
import { LoomError } from '../ground/error.ts'
import type { Sink } from '../sink.ts'
import { addSpending, noSpending, type Spending } from '../spending.ts'
import type { Store } from '../store.ts'
import type { Letter, WhenBusy } from '../store/letter.ts'
import type { PostReply } from '../store/mailbox.ts'
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
import { answerId } from './answer-letter.ts'
import { readLogInto } from './log-events.ts'
import { followTask } from './task-follow.ts'
import { taskInfo } from './task-info.ts'
import { attemptOf, restartLetter, resultLetter, taskLetter, titleOf } from './task-letters.ts'
import { answersAbove, answersBelow } from './task-questions.ts'
import type { TaskSessions } from './task-sessions.ts'
import { publicId } from './tenant-ids.ts'
import type { TaskEnd, TaskOrigin, TurnTasks } from './turn-tasks.ts'

/** The limits of trees. */
export interface TreeLimits extends TaskLimits {
  /** The greatest number of sessions above a task. */
  depthMax: number
}

/** The letters of results never find a full mailbox: the tree has a limit of its own. */
const resultsMax = 1_000_000

/** The times that a stop of a tree looks for tasks that others started meanwhile. */
const roundsMax = 10

export interface TasksOptions {
  sessions: TaskSessions
  store: Store
  /** Posts a letter; see `Mailboxes.post`. */
  post: (
    sessionId: string,
    letter: Letter,
    request: {
      tenant: string
      agent: string
      whenBusy: WhenBusy
      isResult?: boolean
      mailboxLimit?: number
    },
  ) => Promise<PostReply>
  limits: TreeLimits
  /** The longest wait for a hint, in milliseconds. */
  pollMs: number
  report: (error: unknown) => void
}

export class Tasks implements TurnTasks {
  readonly #options: TasksOptions

  constructor(options: TasksOptions) {
    this.#options = options
  }

  // Of a tool call

  /** @throws LoomError `refused` for a limit of the tree; `gone` if the session of the call was deleted */
  async start(
    origin: TaskOrigin,
    { agent, prompt, background, restarts }: TaskOrder,
  ): Promise<Task> {
    const { store, limits } = this.#options
    const { sessionId, tenant, messageId, toolCallId, path, context } = origin
    if (path.length > limits.depthMax) {
      throw new LoomError('refused', `Tasks go at most ${limits.depthMax} levels deep.`)
    }
    const key = keyOf(sessionId, messageId, toolCallId)
    const { model: _model, context: _context, ...request } = origin.request
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
    const added = await store.addTask(task, limits)
    if (!('state' in added)) {
      if (added.status === 'gone')
        throw new LoomError('gone', 'The session of this task was deleted.')
      throw new LoomError(
        'refused',
        `This conversation has ${limits.unfinishedMax} unfinished tasks already. Wait for some of them.`,
      )
    }
    if (added.state === 'open') await this.#begin(task, tenant)
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
  async answer(task: Task, above: Parameters<typeof answersBelow>[0]): Promise<void> {
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
   * waits for a place, the stop of tasks that no call waits for any more, the end of a deletion.
   * @param hasTasks false if the session has no tasks of its own
   */
  async settle(sessionId: string, hasTasks: boolean): Promise<void> {
    const { store } = this.#options
    const entry = isTaskId(sessionId) ? await store.task(sessionId) : undefined
    // Before the session: a task that starts after this read is not without its call.
    const tasks = hasTasks ? await store.tasks(rootOf(sessionId)) : []
    const session = await store.session(sessionId)
    // It was deleted, perhaps by an instance that died before it deleted the tasks below.
    if (session === undefined) return this.#sweep(rootOf(sessionId))
    if (entry !== undefined) await this.#settleTask(entry, session)
    const isOver = session.state === 'idle' || isStoppedWait(entry, session)
    const live = isOver ? undefined : session.turn?.logId
    const lost = awaitedBy(tasks, sessionId).filter(({ task }) => task.messageId !== live)
    for (const { task } of lost) await this.stop(task.id, session.tenant)
  }

  async #settleTask(entry: TaskEntry, session: SessionRecord): Promise<void> {
    const { task, state } = entry
    if (session.state === 'running') return
    if (session.state === 'idle' && (session.queued === 0 || session.held === true)) {
      if (state !== 'ended' && (await this.#restart(task, session))) return
      if (state !== 'ended' && task.background) {
        await this.#deliver(task, { tenant: session.tenant, session })
      }
      await this.#end(task, session.tenant)
    }
    if (!task.background) await this.#answerAbove(task, session)
  }

  /** Runs a task again after an error. Returns false if it has failed for good, or not at all. */
  async #restart(task: Task, session: SessionRecord): Promise<boolean> {
    const { error, turn, tenant } = session
    const attempt = turn && attemptOf(task, turn.logId)
    if (error === undefined || turn?.stop !== undefined || attempt === undefined) return false
    if (attempt >= task.restarts) return false
    await this.#post(task.id, restartLetter(task, attempt + 1), { tenant })
    return true
  }

  async #deliver(
    task: Task,
    {
      tenant,
      session,
      isStopped = false,
    }: { tenant: string; session: SessionRecord | undefined; isStopped?: boolean },
  ): Promise<void> {
    const { sessions } = this.#options
    const { id } = task
    const { turn, error } = session ?? {}
    const message = turn && (await sessions.answerOf(id, turn.logId))
    const end = error === undefined ? 'finished' : 'failed'
    const state = isStopped || turn?.stop !== undefined ? 'stopped' : end
    const letter = resultLetter(
      task,
      { state, error, message },
      { id: publicId(tenant, id), request: task.letter.request },
    )
    await this.#post(task.parent, letter, {
      tenant,
      whenBusy: 'steer',
      isResult: true,
      mailboxLimit: resultsMax,
    })
  }

  async #end(task: Task, tenant: string): Promise<void> {
    const { store, limits } = this.#options
    const { isNew, next } = await store.endTask(task.id, limits)
    // After a repetition, an earlier attempt may have ended before it began the next tasks.
    const open = isNew ? next : await this.#unbegun(task)
    for (const id of open) {
      const entry = await store.task(id)
      if (entry !== undefined) await this.#begin(entry.task, tenant)
    }
  }

  /** Returns the tasks beside this one that have a place and no session. */
  async #unbegun({ id, parent }: Task): Promise<string[]> {
    const { store } = this.#options
    const beside = (await store.tasks(rootOf(id))).filter(
      ({ task, state }) => task.parent === parent && state === 'open',
    )
    const sessions = await Promise.all(beside.map(({ task }) => store.session(task.id)))
    return beside.flatMap(({ task }, index) => (sessions[index] === undefined ? [task.id] : []))
  }

  /** Continues a parent that waits for an answer which the task got itself. */
  async #answerAbove(task: Task, session: SessionRecord, isEnded = false): Promise<void> {
    const { sessions } = this.#options
    const parent = await sessions.session(task.parent)
    const { turn } = parent ?? {}
    if (parent?.state !== 'waiting' || turn?.logId !== task.messageId) return
    const above = await sessions.partialAnswer(parent.id, turn.logId)
    const message = session.turn && (await sessions.answerOf(session.id, session.turn.logId))
    if (message === undefined) return
    const answers = answersAbove(above, { taskKey: keyIn(task), message, isEnded })
    if (answers.length === 0) return
    const letter: Letter = {
      id: answerId({ id: turn.logId }, answers),
      kind: 'answer',
      replyId: turn.logId,
      answer: answers,
      request: task.letter.request,
    }
    await this.#post(parent.id, letter, { tenant: parent.tenant })
  }

  // Stop and deletion

  /** Ends a task and stops its turn, and the tasks that it waits for. Its parent gets no result of it. */
  async stop(id: string, tenant: string): Promise<void> {
    const { store, sessions, limits } = this.#options
    const { next } = await store.endTask(id, limits)
    // The end of a running turn stops the tasks below. A task that waits for a human has no turn.
    if (!(await sessions.stop(id, tenant, { queue: 'clear' }))) await this.#stopAwaited(id, tenant)
    for (const each of next) {
      const entry = await store.task(each)
      if (entry !== undefined) await this.#begin(entry.task, tenant)
    }
  }

  /** Stops a task by itself. Its parent gets the stop as the result. Returns false if it has ended already. */
  async cancel(id: string, tenant: string): Promise<boolean> {
    const { store, sessions } = this.#options
    const entry = await store.task(id)
    if (entry === undefined || entry.state === 'ended') return false
    // The end of its turn then does the rest.
    if (await sessions.stop(id, tenant, { queue: 'clear' })) return true
    const { task } = entry
    const session = await store.session(id)
    if (task.background) await this.#deliver(task, { tenant, session, isStopped: true })
    await this.#end(task, tenant)
    await this.#stopAwaited(id, tenant)
    if (session !== undefined && !task.background) await this.#answerAbove(task, session, true)
    return true
  }

  async #stopAwaited(id: string, tenant: string): Promise<void> {
    const tasks = await this.#options.store.tasks(rootOf(id))
    for (const { task } of awaitedBy(tasks, id)) await this.stop(task.id, tenant)
  }

  /** Returns the calls of a message that wait for tasks. */
  async awaitedCalls(sessionId: string, messageId: string): Promise<string[]> {
    const tasks = await this.#options.store.tasks(rootOf(sessionId))
    return tasks.flatMap(({ task }) =>
      task.parent === sessionId && task.messageId === messageId && !task.background
        ? [task.toolCallId]
        : [],
    )
  }

  /** Stops all tasks below a session. Returns their number. */
  async stopBelow(sessionId: string, tenant: string): Promise<number> {
    const { store, sessions, limits } = this.#options
    const stopped = new Set<string>()
    // A task may start others until it stops.
    for (let round = 0; round < roundsMax; round++) {
      const below = tasksBelow(await store.tasks(rootOf(sessionId)), sessionId)
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
      for (const { task } of order) await sessions.stop(task.id, tenant, { queue: 'clear' })
    }
    return stopped.size
  }

  /**
   * Deletes a session and all tasks below it. Returns false if the tenant has no such session. If the process dies,
   * `settle` continues on another instance.
   */
  async remove(sessionId: string, tenant: string): Promise<boolean> {
    const { store, sessions } = this.#options
    if (isTaskId(sessionId)) {
      const session = await store.session(sessionId)
      const isTheirs = session === undefined || session.tenant === tenant
      if (!isTheirs || (await store.task(sessionId)) === undefined) return false
      await store.removeTask(sessionId)
    } else if (!(await sessions.removeOne(sessionId, tenant))) return false
    await this.#sweep(rootOf(sessionId))
    return true
  }

  async #sweep(rootId: string): Promise<void> {
    const { store, sessions } = this.#options
    const removed = await store.removedTasks(rootId)
    for (const id of removed) {
      const session = await store.session(id)
      if (session !== undefined) await sessions.removeOne(id, session.tenant)
    }
    if (removed.length > 0) await store.forgetTasks(rootId, removed)
  }

  // Reading

  /** Returns the task of a session. Returns undefined for the root of a tree. */
  async taskOf(sessionId: string): Promise<Task | undefined> {
    return isTaskId(sessionId) ? (await this.#options.store.task(sessionId))?.task : undefined
  }

  /** Returns the tasks below a session, the first started one first. */
  async list(sessionId: string, tenant: string): Promise<TaskInfo[]> {
    const { store, sessions } = this.#options
    const below = tasksBelow(await store.tasks(rootOf(sessionId)), sessionId)
    return Promise.all(
      below.map(async (entry) => {
        const session = await store.session(entry.task.id)
        const { turn } = session ?? {}
        const message =
          session?.state === 'waiting' && turn !== undefined
            ? await sessions.partialAnswer(session.id, turn.logId)
            : undefined
        return taskInfo(entry, { session, message, tenant, title: titleOf(entry.task.letter) })
      }),
    )
  }

  /** The spending of all sessions of a tree, without the unfinished message of this one. */
  async spentBeside(session: SessionRecord): Promise<Spending> {
    const { store } = this.#options
    const rootId = rootOf(session.id)
    const root = rootId === session.id ? session : await store.session(rootId)
    const others = (await store.tasks(rootId)).filter(({ task }) => task.id !== session.id)
    const own = rootId === session.id ? [] : [session.spent ?? noSpending]
    return [
      root?.spent ?? noSpending,
      ...own,
      ...others.map(({ spent }) => spent ?? noSpending),
    ].reduce(addSpending)
  }

  async noteSpending(id: string, spent: Spending): Promise<void> {
    await this.#options.store.noteTaskSpending(id, spent)
  }

  async #begin(task: Task, tenant: string): Promise<void> {
    await this.#post(task.id, task.letter, { tenant })
  }

  async #post(
    sessionId: string,
    letter: Letter,
    request: { tenant: string; whenBusy?: WhenBusy; isResult?: boolean; mailboxLimit?: number },
  ): Promise<PostReply> {
    const { agent } = letter.request
    const reply = await this.#options.post(sessionId, letter, {
      whenBusy: 'queue',
      ...request,
      agent,
    })
    if (reply.status === 'full' || reply.status === 'busy' || reply.status === 'unknown') {
      throw new LoomError('unavailable', `The session of a task takes no letter: ${reply.status}.`)
    }
    return reply
  }
}

/** The tasks below a session. A task comes after its parent. */
function tasksBelow(entries: readonly TaskEntry[], sessionId: string): TaskEntry[] {
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
