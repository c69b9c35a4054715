/** The sessions of each agent by their last message, from the records of a store in this process. */
import type { RetentionIndex } from '../retention.ts'
import type { SessionRecord } from '../session.ts'
import { isTaskId } from '../task.ts'

type UsedRecord = Pick<SessionRecord, 'id' | 'agent' | 'updatedAt'>

export function memoryRetention(
  records: () => Iterable<UsedRecord>,
  now: () => number,
): RetentionIndex {
  const leases = new Map<string, number>()
  return {
    async takeUnused(agent, { unusedMs, limit, leaseMs }) {
      const time = now()
      for (const [id, until] of leases) if (until <= time) leases.delete(id)
      const taken: string[] = []
      for (const { id, agent: of, updatedAt } of records()) {
        if (taken.length === limit) break
        if (of !== agent || updatedAt > time - unusedMs || isTaskId(id) || leases.has(id)) continue
        taken.push(id)
        leases.set(id, time + leaseMs)
      }
      return { sessionIds: taken, lease: time }
    },
    async settleUnused(_, sessionId, { usedAt }) {
      // A session that stays, because its turn runs, is looked at again after the lease.
      if (usedAt === undefined) leases.delete(sessionId)
    },
  }
}
