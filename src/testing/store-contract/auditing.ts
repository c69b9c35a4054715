/** The events of the audit of each tenant. */
import { randomUUID } from 'node:crypto'

import type { AuditEvent } from '../../store/audit.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const name = () => `*a[b]{}/:% ${randomUUID()}`

export function auditing({ it, store }: Subject): void {
  const events = async (tenant: string) =>
    (await store().auditPage(tenant, { limit: 100 })).events.map(
      ({ id: _, at: __, ...event }) => event,
    )

  it('has the events of a tenant in pages, the last one first', async () => {
    const [tenant, other] = [name(), name()]
    const noted: AuditEvent[] = [
      { action: 'approve', by: { subject: 'ada' }, sessionId: 's1', approvalId: 'a1' },
      { action: 'token', by: {}, subject: 'bob' },
      { action: 'stop', by: { operator: 'ops' }, sessionId: 's2' },
    ]
    for (const event of noted) await store().noteAudit(tenant, event)
    await store().noteAudit(other, { action: 'export', by: {} })
    expect(await events(tenant)).toEqual(noted.toReversed())
    const first = await store().auditPage(tenant, { limit: 2 })
    expect(first.events.map(({ action }) => action)).toEqual(['stop', 'token'])
    expect(first.events[0]?.at).toBeGreaterThan(Date.parse('2020-01-01'))
    const { before = '' } = first
    const second = await store().auditPage(tenant, { limit: 2, before })
    expect(second.events.map(({ action }) => action)).toEqual(['approve'])
    expect(second.before).toBeUndefined()
    expect(await events(name())).toEqual([])
  })

  it('loses those of an erased subject, of its sessions and of an erased tenant', async () => {
    const [tenant, other] = [name(), name()]
    const kept: AuditEvent = { action: 'delete', by: { subject: 'bob' }, sessionId: 'of-bob' }
    for (const event of [
      { action: 'approve', by: { subject: 'ada' }, sessionId: 'of-bob' },
      { action: 'token', by: {}, subject: 'ada' },
      { action: 'stop', by: { operator: 'ops' }, sessionId: 'of-ada' },
      kept,
    ] satisfies AuditEvent[]) {
      await store().noteAudit(tenant, event)
    }
    await store().noteAudit(other, kept)
    const { removed } = await store().erase(['of-ada'], { tenant, subject: 'ada' })
    expect(removed).toBe(3)
    expect(await events(tenant)).toEqual([kept])
    await store().erase([], { tenant })
    expect(await events(tenant)).toEqual([])
    expect(await events(other)).toEqual([kept])
  })
}
