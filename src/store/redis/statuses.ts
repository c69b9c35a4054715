/** The reports of instances in Redis. */
import { fieldsOf } from '../../ground/fields.ts'
import {
  type InstanceStatus,
  type ReportedInstance,
  silentMaxMs,
  type StatusStore,
} from '../instance-status.ts'
import type { Connection } from './connection.ts'
import { drainsKey, escaped, statusesKey, unescaped } from './keys.ts'

export function redisStatuses(connection: Connection): StatusStore {
  const keys = { statuses: statusesKey, drains: drainsKey }
  return {
    async reportStatus(instance, status, ttlMs) {
      const { isAsked } = await connection.apart.run('report-status', keys, {
        keptMs: silentMaxMs,
        instance: escaped(instance),
        ttlMs,
        status: JSON.stringify(status),
      })
      return isAsked === '1'
    },

    async reportedInstances() {
      const { reports } = await connection.run('read-statuses', { statuses: statusesKey }, {})
      return reports.flatMap((_, at): ReportedInstance[] => {
        const [id = '', leftMs = '', json = ''] = reports.slice(at, at + 3)
        const silentMs = -Number(leftMs)
        if (at % 3 !== 0 || silentMs > silentMaxMs) return []
        const status = statusIn(json)
        return status === undefined ? [] : [{ id: unescaped(id), isAlive: silentMs < 0, status }]
      })
    },

    async askToDrain(instance) {
      await connection.run('ask-to-drain', keys, {
        keptMs: silentMaxMs,
        instance: escaped(instance),
      })
    },
  }
}

/** Another version may report other fields. */
function statusIn(json: string): InstanceStatus | undefined {
  const { version, startedAt, turns, readers, isDraining } = fieldsOf(JSON.parse(json))
  if (typeof version !== 'string' || typeof startedAt !== 'number') return undefined
  const count = (value: unknown) => (typeof value === 'number' ? value : 0)
  return {
    version,
    startedAt,
    turns: count(turns),
    readers: count(readers),
    isDraining: isDraining === true,
  }
}
