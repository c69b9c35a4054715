/**
 * The events of the audit in the file `audit`: one as JSON on each line, with its tenant. A new event is appended.
 * An erasure, and a file with many events that are no longer kept, writes the file anew.
 */
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { fieldsOf } from '../../ground/fields.ts'
import { late } from '../../ground/late.ts'
import { auditMax, type AuditStore, type StoredAuditEvent } from '../audit.ts'
import type { DataOwner } from '../erasure.ts'
import { isAuditEvent, memoryAudit } from '../memory/audit.ts'
import { codeOf } from './failure.ts'

export interface FileAudit extends AuditStore {
  /** Removes the events of an owner and of these sessions. Resolves with their number when the file lacks them. */
  forgetAudit(sessionIds: readonly string[], owner: DataOwner): Promise<number>
}

export function fileAudit(folder: string, now: () => number): FileAudit {
  const path = join(folder, 'audit')
  let lines = 0
  /** True if the file may end in a part of a line. Then it is written anew, and no event is appended to that part. */
  let isBroken = false
  const opened = late(async () => {
    const { tenants, isWhole } = await read(path)
    for (const events of tenants.values()) lines += events.length
    isBroken = !isWhole
    return { tenants, audit: memoryAudit(now, tenants) }
  })
  /** The writes, one after the other. */
  let writing: Promise<unknown> = Promise.resolve()
  const inOrder = <VALUE>(write: () => Promise<VALUE>): Promise<VALUE> => {
    const done = writing.then(write)
    writing = done.catch(() => {})
    return done
  }
  const rewrite = async (tenants: ReadonlyMap<string, readonly StoredAuditEvent[]>) => {
    const all = [...tenants].flatMap(([tenant, events]) => events.map((each) => line(tenant, each)))
    await writeFile(`${path}.draft`, all.join(''), { mode: 0o600 })
    await rename(`${path}.draft`, path)
    lines = all.length
    isBroken = false
  }
  return {
    noteAudit: (tenant, event) =>
      inOrder(async () => {
        const { tenants, audit } = await opened()
        await audit.noteAudit(tenant, event)
        const stored = tenants.get(tenant)?.at(-1)
        if (stored === undefined) return
        lines += 1
        let kept = 0
        for (const events of tenants.values()) kept += events.length
        if (isBroken || lines > kept + auditMax) return rewrite(tenants)
        isBroken = true
        await appendFile(path, line(tenant, stored), { mode: 0o600 })
        isBroken = false
      }),
    async auditPage(tenant, options) {
      return (await opened()).audit.auditPage(tenant, options)
    },
    forgetAudit: (sessionIds, owner) =>
      inOrder(async () => {
        const { tenants, audit } = await opened()
        const removed = audit.forgetAudit(sessionIds, owner)
        if (removed > 0) await rewrite(tenants)
        return removed
      }),
  }
}

const line = (tenant: string, event: StoredAuditEvent) =>
  `${JSON.stringify({ tenant, ...event })}\n`

/** A last line that was not written whole is left out: a process ended, or a disk was full. */
async function read(
  path: string,
): Promise<{ tenants: Map<string, StoredAuditEvent[]>; isWhole: boolean }> {
  const tenants = new Map<string, StoredAuditEvent[]>()
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const rest = lines.pop()
  for (const each of lines) {
    const { tenant, ...event } = fieldsOf(JSON.parse(each))
    if (typeof tenant !== 'string' || !isAuditEvent(event)) continue
    const events = tenants.get(tenant)
    if (events === undefined) tenants.set(tenant, [event])
    else events.push(event)
  }
  return { tenants, isWhole: rest === '' }
}
