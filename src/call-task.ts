/** The task of a tool call that runs an agent in a session. */
import type { JSONValue } from '@ai-sdk/provider'

import type { Sink } from './sink.ts'
import type { Usage } from './usage.ts'

/** The work that an agent's tool hands to a task. */
export interface TaskOrder {
  /** The name of the agent. */
  agent: string
  /** The first message of the task. */
  prompt: string
  /** Whether the call ends when the task begins. */
  background: boolean
  /** How often the task runs again after an error. */
  restarts: number
}

/**
 * The task of one tool call. The same call in a later process has the same task.
 * @internal
 */
export interface CallTask {
  /**
   * Starts the task, or finds the one that an earlier process started. Returns the id of its session.
   * @throws LoomError `refused` if a limit of the tree is reached
   */
  start: (order: TaskOrder) => Promise<string>
  /**
   * Follows the task to its end. `sink` receives its events from the beginning.
   * @throws ParkedCall if the task waits for an answer; LoomError with the error of the task
   */
  follow: (sink: Sink) => Promise<TaskAnswer>
}

/** The answer of a task. */
export interface TaskAnswer {
  /** The text of its last step. */
  text: string
  /** The output of an agent with an `output` schema, as JSON. Absent without one. */
  output?: JSONValue
  /** The number of model calls. Absent if it is not known. */
  steps?: number
  /** The tokens, with those of the tasks below. */
  usage: Usage
}

/**
 * A tool call whose task waits for a client or a human. The call has no outcome yet: the turn ends, and the call
 * runs again after the answer.
 */
export class ParkedCall extends Error {}
