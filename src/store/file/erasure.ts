/** Erasure in files: the file of a session and of each task below it, and the rows of the index with their titles. */
import type { ErasureStore } from '../erasure.ts'
import { isTaskId } from '../task.ts'
import type { FileAudit } from './audit.ts'
import type { Catalogue, Row } from './catalogue.ts'
import type { Residents } from './residents.ts'

export function fileErasure(
  residents: Residents,
  catalogue: Catalogue,
  audit: FileAudit,
): ErasureStore {
  /** The row of a deleted session names no owner, but its file has the tenant. */
  async function ownerOf({ id, record }: Row) {
    if (record !== undefined) return record
    if (!residents.isReady(id)) await residents.load(id)
    return residents.get(id)
  }
  return {
    async tenants() {
      const records = [...catalogue.all()].flatMap(({ record }) => record ?? [])
      return [...new Set(records.map(({ tenant }) => tenant))]
    },
    async ownedSessions({ tenant, subject }) {
      const owned: string[] = []
      for (const row of [...catalogue.all()].filter(({ id }) => !isTaskId(id))) {
        const owner = await ownerOf(row)
        const isTheirs = subject === undefined || owner?.subject === subject
        if (owner?.tenant === tenant && isTheirs) owned.push(row.id)
      }
      return owned
    },
    async eraseCounters() {
      return {}
    },
    async erase(sessionIds, owner) {
      residents.check()
      let removed = await audit.forgetAudit(sessionIds, owner)
      for (const id of sessionIds) removed += await residents.erase(id)
      // Older rows of the index have titles.
      await catalogue.rewrite()
      const remaining = sessionIds.filter((id) => catalogue.get(id) !== undefined)
      return { removed, left: remaining.length + (await residents.strayCopies()) }
    },
  }
}
