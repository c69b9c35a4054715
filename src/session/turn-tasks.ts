/** The tasks of sessions as turns use them. `tasks.ts` has them. */
import type { JSONObject } from '@ai-sdk/provider'

import type { TaskOrder } from '../call-task.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Sink } from '../sink.ts'
import type { LetterRequest } from '../store/letter.ts'
import type { Task, TaskEntry } from '../store/task.ts'

/** A tool call of a session. The id of its task follows from it. */
export interface CallOfTask {
  /** The session of the call, in the store. */
  sessionId: string
  messageId: string
  toolCallId: string
}

/** The tool call that starts a task. */
export interface TaskOrigin extends CallOfTask {
  tenant: string
  /** The names of the tools from the root's agent to the agent of the task. */
  path: readonly string[]
  /** The request of the turn. */
  request: LetterRequest
  /** The stored context of the turn. */
  context: JSONObject | undefined
}

/** The end of a task, or its wait for a client or a human. */
export interface TaskEnd {
  state: 'finished' | 'failed' | 'stopped' | 'waiting'
  message: FoldedMessage
  /** Why it failed. */
  error: string | undefined
}

export interface TurnTasks {
  /** @throws LoomError `refused` for a limit of the tree; `gone` if the session of the call was deleted */
  start: (origin: TaskOrigin, order: TaskOrder, above: FoldedMessage) => Promise<Task>
  /** Follows a task to its end. `sink` receives its events from the beginning. */
  follow: (task: Task, options: { sink: Sink; signal: AbortSignal }) => Promise<TaskEnd>
  /** Gives a task the answers that the message above has to its questions. */
  answer: (task: Task, above: FoldedMessage) => Promise<void>
  /** Ends a task and stops its turn, and the tasks that it waits for. Its parent gets no result of it. */
  stop: (id: string, tenant: string) => Promise<void>
  /** Whether a call waits for a task, or has waited for one. */
  awaitsTask: (call: CallOfTask) => Promise<boolean>
  /** Returns the task of a session with its state. Returns undefined for the root of a tree. */
  entryOf: (sessionId: string) => Promise<TaskEntry | undefined>
  /** Returns the task of a session. Returns undefined for the root of a tree. */
  taskOf: (sessionId: string) => Promise<Task | undefined>
}
