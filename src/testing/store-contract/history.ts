/**
 * The rules of a history: cuts, branches, forks, lists and deletions. The file is long because it has one case
 * for each rule, and all cases share a few conversations.
 */
import type { Claim } from '../../store/turn.ts'
import type { Conversation } from './conversation.ts'
import { converse, letter, nextOf, regenerate, said } from './conversation.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

export function history({ it, store, open }: Subject): void {
  it('is cut into a branch when the turn begins', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    await talk.turn(letter('m2'))
    const claim = await talk.claim(letter('m3'))
    await talk.post(regenerate('r1', 're-m1'))
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2', 're-m2', 'm3'])
    const next = nextOf(await talk.finish(claim))
    expect(next).toMatchObject({ letter: regenerate('r1', 're-m1'), logId: 're-r1' })
    expect(await talk.history()).toEqual(['m1'])
    await talk.finish(next)
    expect(await talk.history()).toEqual(['m1', 're-r1'])
    expect(await talk.store.branches(talk.id)).toEqual([
      {
        number: 1,
        at: 're-m1',
        position: 1,
        cutAtMs: expect.any(Number),
        messages: [
          said('re-m1', 'assistant'),
          said('m2'),
          said('re-m2', 'assistant'),
          said('m3'),
          said('re-m3', 'assistant'),
        ],
      },
    ])
    for (const id of ['m2', 'm3']) {
      expect(await talk.post(letter(id))).toMatchObject({ status: 'known', as: 'cut' })
    }
  })

  it('is read in parts, from its end to its beginning', async () => {
    const talk = converse(store())
    expect(await talk.store.messagePage(talk.id, { limit: 2 })).toEqual({
      messages: [],
      hasEarlier: false,
    })
    for (const id of ['m1', 'm2', 'm3']) await talk.turn(letter(id))
    await talk.claim(letter('m4'))
    const partOf = async (limit: number, before?: string) => {
      const page = await talk.store.messagePage(talk.id, { limit, before })
      return page && { ids: page.messages.map(({ id }) => id), hasEarlier: page.hasEarlier }
    }
    expect(await partOf(3)).toEqual({ ids: ['m3', 're-m3', 'm4'], hasEarlier: true })
    expect(await partOf(3, 're-m4')).toEqual({ ids: ['m3', 're-m3', 'm4'], hasEarlier: true })
    expect(await partOf(3, 'm3')).toEqual({ ids: ['re-m1', 'm2', 're-m2'], hasEarlier: true })
    expect(await partOf(3, 're-m1')).toEqual({ ids: ['m1'], hasEarlier: false })
    expect(await partOf(3, 'm1')).toEqual({ ids: [], hasEarlier: false })
    expect(await partOf(3, 'm5')).toBeUndefined()
  })

  it('has an edited message under its own id', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const edit = letter('e1', { message: said('m1', 'user', 'better'), cutAt: 'm1' })
    await talk.turn(edit)
    expect(await talk.store.messages(talk.id)).toEqual([
      said('m1', 'user', 'better'),
      said('re-e1', 'assistant'),
    ])
    expect(await talk.post(letter('m1'))).toEqual({
      status: 'known',
      as: 'done',
      replyId: 're-e1',
    })
  })

  it('is cut at an answer that ran during the post', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(regenerate('r1', 're-m1'), { whenBusy: 'interrupt' })
    nextOf(await talk.finish(claim))
    expect(await talk.history()).toEqual(['m1'])
    expect(await talk.store.branches(talk.id)).toMatchObject([{ at: 're-m1', position: 1 }])
  })

  it('drops a letter whose message was cut before', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const claim = await talk.claim(letter('m2'))
    await talk.post(regenerate('r1', 're-m1'))
    await talk.post(regenerate('r2', 're-m1'))
    await talk.post(letter('m3'))
    const first = nextOf(await talk.finish(claim))
    expect(first).toMatchObject({ letter: { id: 'r1' } })
    expect(nextOf(await talk.finish(first))).toMatchObject({ letter: { id: 'm3' } })
    expect(await talk.post(regenerate('r2', 're-m1'))).toMatchObject({ status: 'known', as: 'cut' })
    expect(await talk.history()).toEqual(['m1', 're-r1', 'm3'])
  })

  const save = (talk: Conversation, { claim }: Claim, through: string, text = 'So far.') =>
    talk.store.saveSummary({ sessionId: talk.id, claim }, { text, through, tokens: 2 })

  const contextOf = async ({ store, id }: Conversation) => {
    const { summary, messages } = await store.context(id)
    return [summary?.through, summary?.text, ...messages.map((message) => message.id)]
  }

  it('has a summary that replaces its beginning', async () => {
    const talk = converse(store())
    expect(await talk.store.context(talk.id)).toEqual({ messages: [] })
    await talk.turn(letter('m1'))
    await talk.turn(letter('m2'))
    const claim = await talk.claim(letter('m3'))
    expect(await contextOf(talk)).toEqual([
      undefined,
      undefined,
      'm1',
      're-m1',
      'm2',
      're-m2',
      'm3',
    ])
    expect(await save(talk, claim, 're-m1')).toBe('done')
    expect(await contextOf(talk)).toEqual(['re-m1', 'So far.', 'm2', 're-m2', 'm3'])
    expect(await save(talk, claim, 're-m2', 'Further {}\n%41;"')).toBe('done')
    expect(await talk.store.context(talk.id)).toEqual({
      summary: { text: 'Further {}\n%41;"', through: 're-m2', tokens: 2 },
      messages: [said('m3')],
    })
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2', 're-m2', 'm3'])
    await talk.finish(claim)
    expect(await contextOf(talk)).toEqual(['re-m2', 'Further {}\n%41;"', 'm3', 're-m3'])
  })

  it('accepts a summary only from the owner, for its messages', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const claim = await talk.claim(letter('m2'))
    const options = { instance: 'two', handOver: false }
    const next = await talk.store.takeOver(talk.id, claim.claim, options)
    expect(await save(talk, claim, 're-m1')).toBe('lost')
    if (next === undefined) throw new Error('it was not taken over')
    expect(await save(talk, next, 're-m9')).toBe('gone')
    await talk.finish(next)
    expect(await save(talk, next, 're-m1')).toBe('lost')
    expect(await contextOf(talk)).toEqual([undefined, undefined, 'm1', 're-m1', 'm2', 're-m2'])
  })

  it('loses its summary with the last message that it replaces', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const claim = await talk.claim(letter('m2'))
    await save(talk, claim, 're-m1')
    await talk.finish(claim)
    await talk.turn(regenerate('r1', 're-m2'))
    expect(await contextOf(talk)).toEqual(['re-m1', 'So far.', 'm2', 're-r1'])
    await talk.turn(letter('e1', { message: said('m1', 'user', 'better'), cutAt: 'm1' }))
    expect(await contextOf(talk)).toEqual([undefined, undefined, 'm1', 're-e1'])
  })

  it('loses the summary of a message that is made again', async () => {
    const talk = converse(store())
    const { claim: silent, logId, lastId } = await talk.claim(letter('m1'))
    await talk.store.finish(
      { sessionId: talk.id, claim: silent, logId, lastId, instance: 'one' },
      { state: 'idle', logTtlMs: 60_000 },
    )
    const claim = await talk.claim(letter('m2'))
    await save(talk, claim, 'm1')
    await talk.finish(claim)
    await talk.turn(letter('e1', { message: said('m1', 'user', 'better'), cutAt: 'm1' }))
    expect(await contextOf(talk)).toEqual([undefined, undefined, 'm1', 're-e1'])
  })

  it('loses its summary when the turn is discarded', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await save(talk, claim, 'm1')
    await talk.finish(claim, { discard: true })
    expect(await contextOf(talk)).toEqual([undefined, undefined])
  })

  it('is forked with its summary if all its messages are', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    await talk.turn(letter('m2'))
    const claim = await talk.claim(letter('m3'))
    await save(talk, claim, 're-m2')
    await talk.finish(claim)
    const fork = async (options: { through?: string; branch?: number }) => {
      const copy = converse(talk.store)
      const fields = { newId: copy.id, tenant: '', ...options }
      expect(await talk.store.fork(talk.id, fields)).toBe(true)
      return copy
    }
    const whole = await fork({})
    expect(await contextOf(whole)).toEqual(['re-m2', 'So far.', 'm3', 're-m3'])
    const short = await fork({ through: 'm2' })
    expect(await contextOf(short)).toEqual([undefined, undefined, 'm1', 're-m1', 'm2'])
    await talk.turn(regenerate('r1', 're-m3'))
    const back = await fork({ branch: 1 })
    expect(await contextOf(back)).toEqual([
      undefined,
      undefined,
      'm1',
      're-m1',
      'm2',
      're-m2',
      'm3',
      're-m3',
    ])
  })

  it('drops the oldest branches', async () => {
    const talk = converse(await open({ branchesMax: 2 }))
    await talk.turn(letter('m1'))
    let answer = 're-m1'
    for (const id of ['r1', 'r2', 'r3']) {
      await talk.turn(regenerate(id, answer))
      answer = `re-${id}`
    }
    const branches = await talk.store.branches(talk.id)
    expect(branches.map(({ number, at }) => [number, at])).toEqual([
      [2, 're-r1'],
      [3, 're-r2'],
    ])
    const many = converse(await open({ branchedMax: 3 }))
    await many.turn(letter('m1'))
    await many.turn(letter('m2'))
    await many.turn({ ...letter('m3'), cutAt: 'm1' })
    expect(await many.store.branches(many.id)).toHaveLength(1)
    await many.turn({ ...letter('m4'), cutAt: 'm3' })
    expect(await many.store.branches(many.id)).toMatchObject([{ number: 2 }])
  })

  it('is forked as a whole or in part', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'), { tenant: 'ann' })
    const running = await talk.claim(letter('m2'), { tenant: 'ann' })
    const fork = async (options: { through?: string; tenant?: string }) => {
      const newId = crypto.randomUUID()
      const whole = { newId, tenant: 'ann', ...options }
      const isForked = await talk.store.fork(talk.id, whole)
      return isForked ? converse(store(), newId).history() : undefined
    }
    expect(await fork({})).toEqual(['m1', 're-m1', 'm2'])
    expect(await fork({ through: 're-m1' })).toEqual(['m1', 're-m1'])
    expect(await fork({ through: 'm9' })).toBeUndefined()
    expect(await fork({ tenant: 'bob' })).toBeUndefined()
    await talk.finish(running, { state: 'waiting' })
    expect(await fork({})).toEqual(['m1', 're-m1', 'm2'])
    const taken = { newId: talk.id, tenant: 'ann' }
    expect(await talk.store.fork(talk.id, taken)).toBe(false)
  })

  it('is independent of its fork', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'), { tenant: 'ann', agent: 'poet' })
    const copy = converse(store())
    await talk.store.fork(talk.id, { newId: copy.id, tenant: 'ann' })
    expect(await copy.store.session(copy.id)).toMatchObject({
      tenant: 'ann',
      agent: 'poet',
      state: 'idle',
      queued: 0,
    })
    expect(await copy.post(letter('m1'), { tenant: 'ann' })).toMatchObject({ status: 'known' })
    await copy.turn(letter('m2'), { tenant: 'ann' })
    expect(await copy.history()).toEqual(['m1', 're-m1', 'm2', 're-m2'])
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    const { sessions } = await store().list('ann', { limit: 100 })
    expect(sessions.map(({ id }) => id)).toEqual(expect.arrayContaining([copy.id, talk.id]))
  })

  it('stays in a fork after its own edit and deletion', async () => {
    const talk = converse(store())
    const long = said('m1', 'user', 'long '.repeat(500))
    await talk.turn(letter('m1', { message: long }))
    const copies = [converse(store()), converse(store())]
    for (const { id } of copies) await talk.store.fork(talk.id, { newId: id, tenant: '' })
    const other = said('m1', 'user', 'other '.repeat(500))
    await talk.turn(letter('e1', { message: other, cutAt: 'm1' }))
    expect((await talk.store.messages(talk.id))[0]).toEqual(other)
    await talk.store.remove(talk.id, { tenant: '' })
    expect(await talk.history()).toEqual([])
    const [first = talk, second = talk] = copies
    await second.turn(letter('m2'))
    await first.store.remove(first.id, { tenant: '' })
    expect(await second.history()).toEqual(['m1', 're-m1', 'm2', 're-m2'])
    expect((await second.store.messages(second.id))[0]).toEqual(long)
  })

  it('is forked as it was before any cut', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    await talk.turn(letter('m2'))
    await talk.turn(regenerate('r1', 're-m2'))
    await talk.turn(letter('m3'))
    await talk.turn(letter('e1', { message: said('m1', 'user', 'better'), cutAt: 'm1' }))
    expect(await talk.history()).toEqual(['m1', 're-e1'])
    const fork = async (branch: number, through?: string) => {
      const copy = converse(store())
      const options = { newId: copy.id, branch, tenant: '' }
      await talk.store.fork(talk.id, through === undefined ? options : { ...options, through })
      return copy.store.messages(copy.id)
    }
    expect(await fork(1)).toEqual([
      said('m1'),
      said('re-m1', 'assistant'),
      said('m2'),
      said('re-m2', 'assistant'),
    ])
    const second = await fork(2)
    expect(second.map(({ id }) => id)).toEqual(['m1', 're-m1', 'm2', 're-r1', 'm3', 're-m3'])
    expect(await fork(2, 'm2')).toEqual(second.slice(0, 3))
    expect(await fork(3)).toEqual([])
  })

  it('is deleted with its session', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const claim = await talk.claim(letter('m2'))
    await talk.post(letter('m3'))
    const remove = () => talk.store.remove(talk.id, { tenant: '' })
    expect(await talk.store.isDeleted(talk.id)).toBe(false)
    expect(await remove()).toBe(true)
    expect(await talk.store.isDeleted(talk.id)).toBe(true)
    expect(await talk.store.isDeleted('nowhere')).toBe(false)
    expect(await talk.store.session(talk.id)).toBeUndefined()
    expect(await talk.history()).toEqual([])
    expect(await talk.queue()).toEqual([])
    expect(await talk.store.branches(talk.id)).toEqual([])
    for (const logId of ['re-m1', 're-m2']) {
      expect(await talk.store.readLog(talk.id, logId, undefined, 10)).toBeUndefined()
    }
    expect(await talk.store.findLog(talk.id, claim.lastId)).toBeUndefined()
    expect(await talk.append(claim, 1)).toEqual({ status: 'lost' })
    expect(await remove()).toBe(false)
    const fork = { newId: crypto.randomUUID(), tenant: '' }
    expect(await talk.store.fork(talk.id, fork)).toBe(false)
    expect((await store().list('', { limit: 1000 })).sessions.map(({ id }) => id)).not.toContain(
      talk.id,
    )
    expect(await store().remove('nowhere', { tenant: '' })).toBe(false)
  })

  it('begins anew after a deletion, without late writers', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const late = await talk.claim(letter('m2'))
    await talk.append(late, 1)
    await talk.post(letter('m3'))
    const remove = () => talk.store.remove(talk.id, { tenant: '' })
    expect(await remove()).toBe(true)
    expect(await talk.post(letter('m4'), { beginsNone: true })).toEqual({ status: 'gone' })
    expect(await talk.store.session(talk.id)).toBeUndefined()
    // The ids of its messages are free again, too.
    const anew = await talk.claim(letter('m1', { replyId: 'anew' }))
    expect(await talk.store.isDeleted(talk.id)).toBe(false)
    expect(anew.claim).toBeGreaterThan(late.claim)
    expect(anew).not.toHaveProperty('abandoned')
    expect(await talk.append(late, 2)).toEqual({ status: 'lost' })
    expect(await talk.finish(late)).toEqual({ status: 'lost' })
    expect(await talk.store.owns(talk.id, late.claim)).toBe(false)
    const options = { instance: 'two', handOver: true }
    expect(await talk.store.takeOver(talk.id, late.claim, options)).toBeUndefined()
    const stop = { logId: 're-m2', tenant: '' }
    expect(await talk.store.requestStop(talk.id, stop)).toBe(false)
    expect(await talk.store.readLog(talk.id, 're-m2', undefined, 10)).toBeUndefined()
    expect(await talk.append(anew, 1)).toMatchObject({ status: 'appended' })
    expect(await talk.finish(anew)).toEqual({ status: 'done' })
    expect(await talk.history()).toEqual(['m1', 'anew'])
    expect(await remove()).toBe(true)
    // A fork may take the id as well.
    const other = converse(store())
    await other.turn(letter('m1'))
    const fork = { newId: talk.id, tenant: '' }
    expect(await other.store.fork(other.id, fork)).toBe(true)
    expect(await talk.history()).toEqual(['m1', 're-m1'])
    expect((await talk.claim(letter('m4'))).claim).toBeGreaterThan(anew.claim)
  })

  it('is named by the first words of its first user message', async () => {
    const talk = converse(store())
    const titleOf = async (id: string) => (await talk.store.session(id))?.title
    const picture = { type: 'file' as const, mediaType: 'image/png', url: 'data:,' }
    await talk.turn(letter('m0', { message: { id: 'm0', role: 'user', parts: [picture] } }))
    expect(await titleOf(talk.id)).toBe(undefined)
    const text = `Name a “good”\n${'café '.repeat(30)}`
    await talk.turn(letter('m1', { message: said('m1', 'user', text) }))
    expect(await titleOf(talk.id)).toBe(`Name a “good” ${'café '.repeat(13).trim()}…`)
    await talk.turn(letter('m2'))
    await talk.store.fork(talk.id, { newId: `${talk.id}-copy`, tenant: '' })
    expect(await titleOf(`${talk.id}-copy`)).toBe(await titleOf(talk.id))
    await talk.turn(letter('e1', { message: said('m0', 'user', 'Better'), cutAt: 'm0' }))
    expect(await titleOf(talk.id)).toBe('Better')
    const { sessions } = await talk.store.list('', { limit: 10_000 })
    expect(sessions.find(({ id }) => id === talk.id)?.title).toBe('Better')
  })

  it('is named by the messages that it begins with', async () => {
    const talk = converse(store())
    const seed = [said('s1', 'assistant', 'Hello!'), said('s2', 'user', 'First'), said('s3')]
    await talk.turn(letter('m1'), { seed })
    expect((await talk.store.session(talk.id))?.title).toBe('First')
  })

  it('lists the sessions of a tenant, page by page', async () => {
    const tenant = crypto.randomUUID()
    const talks = Array.from({ length: 5 }, () => converse(store()))
    for (const talk of talks) await talk.turn(letter('m1'), { tenant })
    await talks[1]?.turn(letter('m2'), { tenant })
    await talks[3]?.store.remove(talks[3].id, { tenant })
    // A post of another tenant does not add the session to the list of that tenant.
    await talks[0]?.post(letter('m3'), { tenant: `${tenant}!` })
    expect(await store().list(`${tenant}!`, { limit: 10 })).toEqual({ sessions: [] })
    const order = [1, 4, 2, 0].map((index) => talks[index]?.id)
    const first = await store().list(tenant, { limit: 3 })
    expect(first.sessions.map(({ id }) => id)).toEqual(order.slice(0, 3))
    expect(first.sessions[0]).toMatchObject({ tenant, agent: 'assistant', state: 'idle' })
    const second = await store().list(tenant, { limit: 3, before: first.before ?? 0 })
    expect(second.sessions.map(({ id }) => id)).toEqual(order.slice(3))
    expect(second).not.toHaveProperty('before')
  })
}
