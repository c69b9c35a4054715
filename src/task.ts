/** Tasks: sub-agents whose runs are sessions of their own. */
import type { OpenCall } from './session/session-info.ts'
import type { Cost } from './spending.ts'
import type { Usage } from './usage.ts'

/**
 * A task below a session, as `AgentSession.tasks` returns it, and `GET /api/chat/:id/tasks` over HTTP. The task
 * is a session: its `id` works in every route and method of sessions.
 * @example
 * ```ts
 * import { defineAgent, startAgent, type TaskInfo } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const tasks: TaskInfo[] = await session.tasks()
 * const running = tasks.filter(({ state }) => state === 'running')
 * ```
 */
export interface TaskInfo {
  /** The id of its session. */
  id: string
  /** The id of the session that started it: the root of the tree, or another task. */
  parentId: string
  /** The message whose tool call started it. */
  messageId: string
  /** The tool call that started it. */
  toolCallId: string
  /** The name of the tool. */
  toolName: string
  /** The name of its agent. */
  agent: string
  /** The number of sessions above it: 1 for a task of the root. */
  depth: number
  /** Whether its parent does not wait for it. */
  background: boolean
  /** The first 100 characters of its prompt. */
  title: string
  /**
   * `queued`: it waits for other tasks of its parent. `running`: its turn runs. `waiting`: it waits for the answer
   * to a call. `finished`: it has an answer. `failed`: `error` says why. `stopped`: it was stopped.
   */
  state: 'queued' | 'running' | 'waiting' | 'finished' | 'failed' | 'stopped'
  /** The reason why it failed. Absent if it did not fail. */
  error?: string
  /** The calls that a client or a human must answer. Absent if it waits for none. */
  waitsFor?: OpenCall[]
  /** The time of its start, in milliseconds since 1970. */
  createdAt: number
  /** The sum over its own model calls, without those of the tasks below. Absent before the first one. */
  spent?: {
    /** The tokens. */
    usage: Usage
    /** The cost. Absent if it is unknown. */
    cost?: Cost
  }
}
