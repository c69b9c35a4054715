/**
 * Tasks: sessions that another session started. The root of a tree keeps the list of all tasks below it, and
 * all sessions of a tree share the hash slot of the root. The id of a task names its root, so each call
 * knows the slot.
 */
import type { Spending } from '../spending.ts'
import type { Letter } from './letter.ts'

/** A task, as its tree keeps it. It never changes. */
export interface Task {
  /** The id of its session; see `taskId`. */
  id: string
  /** The id of the session that started it: the root, or another task. */
  parent: string
  /** The id of the message that started it. */
  messageId: string
  /** The id of the tool call that started it. */
  toolCallId: string
  /** The names of the tools from the agent of the root to the agent of the task. */
  path: readonly string[]
  /** The name of the agent of the task. */
  agent: string
  /** Whether the call ended when the task began. The parent gets the result of such a task as a letter. */
  background: boolean
  /** How often the task may run again after an error. */
  restarts: number
  /** The first letter of its session. */
  letter: Letter
}

/**
 * `queued`: it waits for others of its parent. `open`: its session may run. `waiting`: its session waits for an
 * answer, or has the answer now. It needs no place among the open ones. `ended`: it has a result, or was stopped.
 */
export type TaskState = 'queued' | 'open' | 'waiting' | 'ended'

/** A task in its tree. */
export interface TaskEntry {
  /** The task. */
  task: Task
  /** Its state in the tree. */
  state: TaskState
  /** The time of its start, in milliseconds by the clock of the store. */
  createdAt: number
  /** The spending of its own model calls so far, also in its unfinished message. Absent if it is nothing. */
  spent?: Spending
}

/** The limits of a tree. */
export interface TaskLimits {
  /** The greatest number of tasks of a tree that have not ended. */
  unfinishedMax: number
  /** The greatest number of tasks of one session that are open. More of them are queued. */
  openMax: number
}

/**
 * The result of `addTask`. `gone`: its parent is not there (any more), or the task was removed and its session
 * may still be there. `full`: the tree has too many unfinished tasks.
 */
export type AddedTask =
  | {
      /** The task was not added. */
      status: 'gone' | 'full'
    }
  | {
      /** The tree has the task, now or already. */
      status: 'added' | 'known'
      /** The state of the task in its tree. */
      state: TaskState
    }

/** The result of `endTask` and `parkTask`. */
export interface FreedPlace {
  /** Whether this call changed the task. */
  isNew: boolean
  /** The ids of the queued tasks of its parent that are open because of this. */
  next: string[]
}

/** The tasks of a tree. */
export interface TaskStore {
  /** Adds a task to its tree. A task that is there already does not change. Its session begins with a post. */
  addTask(task: Task, limits: TaskLimits): Promise<AddedTask>
  /** Ends a task. `isNew` is false if it has ended already, or is not there. */
  endTask(id: string, limits: Pick<TaskLimits, 'openMax'>): Promise<FreedPlace>
  /** Makes an open task `waiting`. `isNew` is false for any other. */
  parkTask(id: string, limits: Pick<TaskLimits, 'openMax'>): Promise<FreedPlace>
  /** Returns a task. Returns undefined if the tree lacks it. */
  task(id: string): Promise<TaskEntry | undefined>
  /** Returns the tasks of a tree, the first started one first. */
  tasks(rootId: string): Promise<TaskEntry[]>
  /**
   * Returns the tasks of a tree that have not ended, the first started one first. The number of ended tasks has no
   * effect on its cost.
   */
  unfinishedTasks(rootId: string): Promise<TaskEntry[]>
  /**
   * Replaces the spending of the unfinished message of a session. No effect if the session has another claim, or
   * no turn of it runs. `finish` and `settleAbandoned` replace it too, in the step of the commit.
   */
  noteSpending(
    at: {
      /** The id of the session: a root or a task. */
      sessionId: string
      /** The claim of the caller. */
      claim: number
    },
    spent: Spending,
  ): Promise<void>
  /**
   * Returns the spending of all sessions of a tree, also of removed tasks and of unfinished messages, but without
   * the unfinished message of this session. The number of tasks has no effect on its cost.
   */
  spentBeside(sessionId: string): Promise<Spending>
  /**
   * Removes a task and all tasks below it from the tree. Their sessions accept no letter any more. The removal
   * of a root does the same with all tasks. `removedTasks` returns them until `forgetTasks`.
   */
  removeTask(id: string): Promise<void>
  /** Returns the removed tasks whose sessions may still be there. */
  removedTasks(rootId: string): Promise<string[]>
  /** Ends the memory of removed tasks, after the deletion of their sessions. */
  forgetTasks(rootId: string, ids: readonly string[]): Promise<void>
}

const separator = '~'
const suffixLength = 27
const suffix = /~([0-9a-z]{26})$/

/** The id of a task: the id of its root, `~`, and 26 letters and digits. */
export const taskId = (rootId: string, key: string): string => `${rootId}${separator}${key}`

/** Whether a session with this id is a task. No other session has such an id. */
export const isTaskId = (sessionId: string): boolean =>
  // This is on the per-token path, and most ids are of no task.
  sessionId.at(-suffixLength) === separator && suffix.test(sessionId)

/** The last part of the id of a task. */
export const taskKey = (sessionId: string): string | undefined => suffix.exec(sessionId)?.[1]

/** The root of the tree of a session. The root of a session that is no task is the session itself. */
export const rootOf = (sessionId: string): string => sessionId.replace(suffix, '')
