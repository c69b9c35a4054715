/** The sessions of each agent in Redis, by their last message. A post notes them without waiting, as in the list of a tenant. */
import type { RetentionIndex } from '../retention.ts'
import { isTaskId } from '../task.ts'
import type { Connection } from './connection.ts'
import { agentIndexKey, escaped, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { moveToFront } from './list.ts'

export function redisRetention(connection: Connection): RetentionIndex {
  return {
    async takeUnused(agent, { unusedMs, limit, leaseMs }) {
      const args = { unusedMs, limit, leaseMs }
      const index = agentIndexKey(agent)
      const { lease, sessions } = await connection.run('take-unused', { index }, args)
      return { lease: Number(lease), sessionIds: sessions.map(unescaped) }
    },
    async settleUnused(agent, sessionId, { lease, usedAt = '' }) {
      const index = agentIndexKey(agent)
      const args = { session: escaped(sessionId), lease, usedAt }
      await connection.run('settle-unused', { index }, args)
    },
  }
}

/** Notes a message to a session of an agent. The list has no bound: its oldest sessions are those to be removed. */
export function noteAgent(
  connection: Connection,
  limits: Limits,
  { agent, sessionId }: { agent: string; sessionId: string },
): void {
  if (isTaskId(sessionId)) return
  moveToFront(
    connection,
    { ...limits, indexMax: Number.MAX_SAFE_INTEGER },
    {
      index: agentIndexKey(agent),
      sessionId,
    },
  )
}
