/** The reports of instances in memory. */
import { type ReportedInstance, silentMaxMs, type StatusStore } from '../instance-status.ts'

export function memoryStatuses(now: () => number): StatusStore {
  const reports = new Map<string, Omit<ReportedInstance, 'isAlive'> & { aliveUntil: number }>()
  const asked = new Set<string>()
  return {
    async reportStatus(id, status, ttlMs) {
      reports.set(id, { id, status, aliveUntil: now() + ttlMs })
      return asked.has(id)
    },
    async reportedInstances() {
      const time = now()
      for (const { id, aliveUntil } of reports.values()) {
        if (aliveUntil + silentMaxMs > time) continue
        reports.delete(id)
        asked.delete(id)
      }
      return [...reports.values()].map(({ aliveUntil, ...report }) => ({
        ...report,
        isAlive: aliveUntil > time,
      }))
    },
    async askToDrain(id) {
      if (reports.has(id)) asked.add(id)
    },
  }
}
