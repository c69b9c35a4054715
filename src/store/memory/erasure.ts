/** Erasure in memory. */
import type { ErasureStore } from '../erasure.ts'
import { isTaskId } from '../task.ts'
import type { MemoryAudit } from './audit.ts'
import type { SessionTable } from './sessions.ts'

export function memoryErasure(sessions: SessionTable, audit: MemoryAudit): ErasureStore {
  return {
    async tenants() {
      return [...new Set([...sessions.all()].map(({ tenant }) => tenant))]
    },
    async ownedSessions({ tenant, subject }) {
      return [...sessions.all()]
        .filter((session) => session.tenant === tenant && !isTaskId(session.id))
        .filter((session) => subject === undefined || session.subject === subject)
        .map(({ id }) => id)
    },
    async eraseCounters() {
      return {}
    },
    async erase(sessionIds, owner) {
      let removed = audit.forgetAudit(sessionIds, owner)
      for (const id of sessionIds) removed += sessions.forget(id)
      return { removed, left: 0 }
    },
  }
}
