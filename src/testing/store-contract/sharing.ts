/** The owner and the members of a session: who may post to it, and in whose lists it is. */
import { converse, letter } from './conversation.ts'
import { until } from './deadline.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

/** Characters that could end a stored line or make two names one. */
const odd = 'Zoë %7b; {}/:\u{1F600} writer'

export function sharing({ it, store }: Subject): void {
  it('belongs to the subject of the post that began it', async () => {
    const talk = converse(store())
    await talk.post(letter('m1'), { subject: odd, writer: odd })
    const before = await talk.store.session(talk.id)
    expect(before).toMatchObject({ subject: odd, tenant: '' })
    expect(before).not.toHaveProperty('members')
    const other = await talk.post(letter('m2'), { subject: 'bob', writer: 'bob' })
    expect(other).toEqual({ status: 'foreign' })
    expect((await talk.post(letter('m2'), { subject: odd, writer: odd })).status).toBe('queued')
    expect(await talk.store.session(talk.id)).toMatchObject({ subject: odd })
  })

  it('of a post without a subject belongs to its tenant', async () => {
    const talk = converse(store())
    await talk.post(letter('m1'))
    expect(await talk.store.session(talk.id)).not.toHaveProperty('subject')
    expect(await talk.post(letter('m2'), { writer: 'ada' })).toEqual({ status: 'foreign' })
    expect((await talk.post(letter('m2'))).status).toBe('queued')
  })

  it('takes the posts of its writers, and not of its readers', async () => {
    const talk = converse(store())
    await talk.post(letter('m1'), { subject: 'ada' })
    const members = [
      { subject: odd, role: 'writer' },
      { subject: 'rita', role: 'reader' },
    ] as const
    expect(await talk.store.setMembers(talk.id, members, { tenant: '' })).toBe(true)
    expect(await talk.store.session(talk.id)).toMatchObject({ subject: 'ada', members })
    expect((await talk.post(letter('m2'), { writer: odd })).status).toBe('queued')
    for (const writer of ['rita', 'writer', 'Zoë', `${odd} `, 'ADA', 'ada\nwriter bob']) {
      expect(await talk.post(letter('m3'), { writer })).toEqual({ status: 'foreign' })
    }
    expect(await talk.store.setMembers(talk.id, [], { tenant: '' })).toBe(true)
    expect(await talk.store.session(talk.id)).not.toHaveProperty('members')
    expect(await talk.post(letter('m3'), { writer: odd })).toEqual({ status: 'foreign' })
  })

  it('of another tenant, or that is deleted, gets no members', async () => {
    const talk = converse(store())
    const members = [{ subject: 'bob', role: 'writer' }] as const
    expect(await talk.store.setMembers(talk.id, members, { tenant: '' })).toBe(false)
    await talk.turn(letter('m1'))
    expect(await talk.store.setMembers(talk.id, members, { tenant: 'acme' })).toBe(false)
    await talk.store.setMembers(talk.id, members, { tenant: '' })
    await talk.store.remove(talk.id, { tenant: '' })
    expect(await talk.store.setMembers(talk.id, members, { tenant: '' })).toBe(false)
    await talk.post(letter('m2'), { subject: 'eve' })
    const anew = await talk.store.session(talk.id)
    expect(anew).toMatchObject({ subject: 'eve' })
    expect(anew).not.toHaveProperty('members')
  })

  it('begins with a schedule for its subject', async () => {
    const talk = converse(store())
    const at = { rule: { kind: 'once' }, occurrence: 0, dueAt: 4e12, createdAt: 1 } as const
    const add = (id: string, writer: string) =>
      talk.store.addSchedule(
        talk.id,
        { id, letter: letter(id), ...at },
        { tenant: '', agent: 'assistant', schedulesMax: 5, subject: writer, writer },
      )
    expect(await add('s1', 'ada')).toBe('added')
    expect(await talk.store.session(talk.id)).toMatchObject({ subject: 'ada' })
    expect(await add('s2', 'bob')).toBe('foreign')
    expect(await add('s2', 'ada')).toBe('added')
  })

  it('is copied for the subject of the fork, without members', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'), { subject: 'ada' })
    const members = [{ subject: 'bob', role: 'reader' }] as const
    await talk.store.setMembers(talk.id, members, { tenant: '' })
    const newId = `${talk.id}-copy`
    expect(await talk.store.fork(talk.id, { newId, tenant: '', subject: 'bob' })).toBe(true)
    const copy = await talk.store.session(newId)
    expect(copy).toMatchObject({ subject: 'bob' })
    expect(copy).not.toHaveProperty('members')
  })

  it('is in the lists of its owner and its members', async () => {
    const talk = converse(store())
    const tenant = `${talk.id}-tenant`
    const post = (id: string, subject: string, message = 'm1') =>
      talk.store.post(`${talk.id}-${id}`, letter(message), {
        instance: 'one',
        agent: 'assistant',
        whenBusy: 'queue',
        mailboxLimit: 10,
        tenant,
        subject,
        writer: subject,
      })
    for (const [id, subject] of [
      ['a1', 'ada'],
      ['b1', odd],
      ['a2', 'ada'],
      ['a3', 'ada'],
    ] as const)
      await post(id, subject)
    const members = [{ subject: odd, role: 'reader' }] as const
    await talk.store.setMembers(`${talk.id}-a1`, members, { tenant })
    const listOf = async (subject?: string) => {
      const page = { limit: 10, ...(subject !== undefined && { subject }) }
      const { sessions } = await talk.store.list(tenant, page)
      return sessions.map(({ id }) => id.slice(talk.id.length + 1)).toSorted()
    }
    const lists = async () => [await listOf(), await listOf('ada'), await listOf(odd)]
    const all = ['a1', 'a2', 'a3', 'b1']
    await until(1000, 'the lists', async () => {
      const seen = JSON.stringify(await lists())
      return seen === JSON.stringify([all, ['a1', 'a2', 'a3'], ['a1', 'b1']])
    })
    expect(await listOf('nobody')).toEqual([])
    await talk.store.setMembers(`${talk.id}-a1`, [], { tenant })
    expect(await listOf(odd)).toEqual(['b1'])
    const first = await talk.store.list(tenant, { limit: 2, subject: 'ada' })
    const { before = 0 } = first
    const rest = await talk.store.list(tenant, { limit: 2, before, subject: 'ada' })
    const paged = [...first.sessions, ...rest.sessions].map(({ id }) => id.slice(-2))
    expect(paged).toEqual(['a3', 'a2', 'a1'])
  })
}
