/** The stop of a session's turn or of one message, over HTTP and in code. */
import type { Sessions } from '../sessions.ts'
import type { QueueOnStop } from '../store/letter.ts'
import { isTaskId } from '../store/task.ts'
import { checkFlag, checkQueueOnStop, checkText } from './given-value.ts'

/**
 * The result of a stop.
 * @example
 * ```ts
 * import { defineAgent, startAgent, type StopReply } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const messageId = await session.cast('What is 2 + 2?')
 * const { stopped, withdrawn }: StopReply = await session.stop({ messageId })
 * ```
 */
export interface StopReply {
  /** Whether a running turn received the stop, or the wait for an answer has ended. */
  stopped: boolean
  /** Whether the message waited and was withdrawn. Absent if it was not. */
  withdrawn?: true
  /** The number of messages that still wait. Absent if none does. */
  queued?: number
  /** The number of tasks that were stopped. Absent without `tree`. */
  tasks?: number
  /** Whether none of them is answered before the next message or `runQueue`. Absent if no message waits. */
  held?: boolean
}

/** A stop of the running turn, or of one message. */
export interface SessionStop {
  /** The id of the message, of its letter, or of its answer. @defaultValue the turn that runs */
  messageId?: string | undefined
  /**
   * The effect on the messages that wait: `hold` answers none of them before the next message or `runQueue`,
   * `clear` withdraws them, `run` answers the next one. @defaultValue 'hold'
   */
  queue?: QueueOnStop | undefined
  /**
   * Whether all tasks below the session stop too, and the session itself if it waits for an answer. Without it, only
   * those tasks stop that the turn waits for, and a session that waits (but no task) keeps waiting.
   * @defaultValue false
   */
  tree?: boolean | undefined
}

/**
 * @param of the id of the session in the store, and its tenant
 * @throws LoomError `invalid-request` for another value of `queue`
 */
export async function stopSession(
  sessions: Sessions,
  { id, tenant }: { id: string; tenant: string },
  { messageId, queue = 'hold', tree = false }: SessionStop,
): Promise<StopReply> {
  checkQueueOnStop(queue)
  checkFlag('tree', tree)
  if (messageId !== undefined) checkText('messageId', messageId)
  const { stopped, withdrawn } =
    messageId === undefined
      ? { stopped: await stopTurn(sessions, { id, tenant }, { queue, tree }), withdrawn: false }
      : await sessions.stopMessage(id, tenant, { messageId, queue })
  const tasks = tree ? await sessions.stopTasks(id, tenant) : undefined
  const { queued, held } = await sessions.queueState(id)
  return {
    stopped,
    ...(tasks !== undefined && { tasks }),
    ...(withdrawn && { withdrawn }),
    ...(queued > 0 && { queued, held }),
  }
}

/**
 * A session that waits for an answer has no turn. A task stops in this state too, and so does a session whose
 * whole tree stops: the questions of its tasks would wait for nothing.
 */
async function stopTurn(
  sessions: Sessions,
  { id, tenant }: { id: string; tenant: string },
  { queue, tree }: { queue: QueueOnStop; tree: boolean },
): Promise<boolean> {
  if (await sessions.stop(id, tenant, { queue })) return true
  if (isTaskId(id) && (await sessions.cancelTask(id, tenant))) return true
  return tree && sessions.endWait(id, tenant, queue)
}
