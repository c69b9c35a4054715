/** What becomes of a post. */
import { expect, it } from 'vitest'

import { answer, converse, letter, nextOf, regenerate, said } from '../conversation.ts'
import type { Subject } from './subject.ts'

export function posting({ store, open }: Subject): void {
  it('refuses a letter with the id of another and other content', async () => {
    const talk = converse(store())
    const first = letter('m1', { digest: 'one' })
    const other = letter('m1', { digest: 'two' })
    const claim = await talk.claim(first)
    expect(await talk.post(first)).toMatchObject({ status: 'known', as: 'running' })
    expect(await talk.post(other)).toEqual({ status: 'taken' })
    const queued = letter('m2', { digest: 'one' })
    await talk.post(queued)
    expect(await talk.post(queued)).toMatchObject({ status: 'known', as: 'queued' })
    expect(await talk.post({ ...queued, digest: 'two' })).toEqual({ status: 'taken' })
    const next = nextOf(await talk.finish(claim))
    expect(next.letter).toEqual(queued)
    await talk.finish(next)
    expect(await talk.post(other)).toEqual({ status: 'taken' })
    expect(await talk.post({ ...queued, digest: 'two' })).toEqual({ status: 'taken' })
    expect(await talk.post(first)).toMatchObject({ status: 'known', as: 'done', replyId: 're-m1' })
    // A letter without a digest has content that its id is made of.
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'known', as: 'done' })
    // An edit gives the message's id new content.
    const edit = letter('e1', { cutAt: 'm1', message: said('m1'), digest: 'edited' })
    await talk.turn(edit)
    expect(await talk.post(letter('m1', { digest: 'edited' }))).toMatchObject({ status: 'known' })
  })

  it('gives a free session to whoever posts to it', async () => {
    const talk = converse(store())
    const reply = await talk.post(letter('m1'))
    expect(reply).toEqual({
      status: 'claimed',
      claim: {
        sessionId: talk.id,
        claim: expect.any(Number),
        lastId: expect.stringMatching(/^\d{13}-0$/),
        letter: letter('m1'),
        logId: 're-m1',
        resumed: false,
        takeovers: [],
      },
    })
    expect(await talk.history()).toEqual(['m1'])
  })

  it('gives one claim to a hundred posts at once, and queues the others in order', async () => {
    const talk = converse(store())
    const ids = Array.from({ length: 100 }, (_, index) => `m${index}`)
    const replies = await Promise.all(ids.map((id) => talk.post(letter(id))))
    expect(replies.map(({ status }) => status)).toEqual([
      'claimed',
      ...Array.from({ length: 99 }, () => 'queued'),
    ])
    expect(replies[7]).toEqual({ status: 'queued', position: 6, steered: false })
    expect(await talk.queue()).toEqual(ids.slice(1))
  })

  it('takes queued letters first in, first out', async () => {
    const talk = converse(store())
    let claim = await talk.claim(letter('m1'))
    for (const id of ['m2', 'm3', 'm4']) await talk.post(letter(id))
    for (const id of ['m2', 'm3', 'm4']) {
      claim = nextOf(await talk.finish(claim))
      expect(claim.letter).toEqual(letter(id))
    }
    expect(await talk.finish(claim)).toEqual({ status: 'done' })
    expect(await talk.history()).toEqual(['m1', 'm2', 'm3', 'm4'].flatMap((id) => [id, `re-${id}`]))
  })

  it('knows where an id is that was posted before', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    const where = async (id: string) => talk.post(letter(id, { replyId: 'another' }))
    expect(await where('m1')).toEqual({ status: 'known', as: 'running', replyId: 're-m1' })
    expect(await where('m2')).toEqual({ status: 'known', as: 'queued', replyId: 're-m2' })
    await talk.finish(claim)
    expect(await where('m1')).toEqual({ status: 'known', as: 'done', replyId: 're-m1' })
    expect(await where('m2')).toEqual({ status: 'known', as: 'running', replyId: 're-m2' })
    expect(await talk.queue()).toEqual([])
  })

  it('finds a letter, and what answers it', async () => {
    const talk = converse(store())
    const find = (id: string) => talk.store.findLetter(talk.id, id)
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await talk.post(letter('m3'))
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    expect(await find('m1')).toEqual({ as: 'done', replyId: 're-m1' })
    expect(await find('m2')).toEqual({ as: 'queued', replyId: 're-m2' })
    expect(await find('s1')).toEqual({ as: 'queued', replyId: 're-s1' })
    await talk.store.takeSteered({ sessionId: talk.id, claim: claim.claim })
    expect(await find('s1')).toEqual({ as: 'done', replyId: 're-m1' })
    await talk.store.withdraw(talk.id, 'm3', { tenant: '' })
    expect(await find('m3')).toEqual({ as: 'withdrawn', replyId: 're-m3' })
    await talk.finish(claim)
    expect(await find('m2')).toEqual({ as: 'done', replyId: 're-m2' })
    expect(await find('never posted')).toBeUndefined()
    expect(await talk.store.findLetter('nowhere', 'm1')).toBeUndefined()
  })

  it('takes no message for a new one that has the id of an answer', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    expect(await talk.post(letter('re-m1'))).toMatchObject({ status: 'known', as: 'running' })
    await talk.finish(claim)
    expect(await talk.post(letter('re-m1'))).toMatchObject({ status: 'known', as: 'done' })
    expect(await talk.history()).toEqual(['m1', 're-m1'])
  })

  it('remembers what was withdrawn', async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    const withdraw = (tenant: string) => talk.store.withdraw(talk.id, 'm2', { tenant })
    expect(await withdraw('somebody else')).toBe(false)
    expect(await withdraw('')).toBe(true)
    expect(await talk.queue()).toEqual([])
    expect(await talk.store.withdraw(talk.id, 'm2', { tenant: '' })).toBe(false)
    expect(await talk.post(letter('m2'))).toEqual({
      status: 'known',
      as: 'withdrawn',
      replyId: 're-m2',
    })
  })

  it('forgets the oldest ids first', async () => {
    const talk = converse(await open({ knownMax: 3 }))
    for (const id of ['m1', 'm2', 'm3', 'm4']) {
      const claim = await talk.claim(letter(id))
      await talk.finish(claim, { discard: true })
    }
    expect(await talk.post(letter('m2'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'claimed' })
  })

  it('refuses what is too much', async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'))
    expect(await talk.post(letter('m2'), { mailboxLimit: 1 })).toMatchObject({ status: 'queued' })
    expect(await talk.post(letter('m3'), { mailboxLimit: 1 })).toEqual({ status: 'full' })
    expect(await talk.post(letter('m3'))).toMatchObject({ status: 'queued', position: 1 })
  })

  it('tells a letter that would not wait that the session is busy', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    expect(await talk.post(letter('m2'), { whenBusy: 'reject' })).toEqual({ status: 'busy' })
    await talk.finish(claim)
    expect(await talk.post(letter('m2'), { whenBusy: 'reject' })).toMatchObject({
      status: 'claimed',
    })
  })

  it("keeps tenants out of each other's sessions", async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'), { tenant: 'ann' })
    expect(await talk.post(letter('m2'), { tenant: 'bob' })).toEqual({ status: 'foreign' })
    expect(await talk.post(letter('m1'), { tenant: '' })).toEqual({ status: 'foreign' })
    expect(await talk.store.requestStop(talk.id, { tenant: 'bob' })).toBe(false)
    expect(await talk.store.remove(talk.id, { tenant: 'bob' })).toBe(false)
    expect(await talk.post(letter('m2'), { tenant: 'ann' })).toMatchObject({ status: 'queued' })
  })

  it('refuses an answer for which nothing waits, and leaves nothing of it', async () => {
    const talk = converse(store())
    expect(await talk.post(answer('a1', 're-m1'))).toEqual({ status: 'refused' })
    expect(await talk.store.session(talk.id)).toBeUndefined()
    await talk.turn(letter('m1'))
    expect(await talk.post(answer('a1', 're-m1'))).toEqual({ status: 'refused' })
  })

  it('refuses to cut where nothing is, and leaves nothing of it', async () => {
    const talk = converse(store())
    const seed = [said('s1'), said('s2', 'assistant')]
    expect(await talk.post(regenerate('r1', 's3'), { seed })).toEqual({ status: 'refused' })
    expect(await talk.store.session(talk.id)).toBeUndefined()
    expect(await talk.post(regenerate('r1', 's2'), { seed })).toMatchObject({ status: 'claimed' })
    expect(await talk.history()).toEqual(['s1'])
  })

  it('begins an unknown session with its seed, and a known one without', async () => {
    const talk = converse(store())
    const seed = [said('s1'), said('s2', 'assistant')]
    await talk.turn(letter('m1'), { seed })
    expect(await talk.history()).toEqual(['s1', 's2', 'm1', 're-m1'])
    expect(await talk.post(letter('s1'))).toEqual({ status: 'known', as: 'done', replyId: '' })
    await talk.turn(letter('m2'), { seed: [said('s3')] })
    expect(await talk.history()).not.toContain('s3')
  })

  it('takes any text for an id', async () => {
    const ids = [
      '',
      '}',
      '{a}',
      '%',
      '%7b;',
      'a\nb',
      'ü 漢 🙂',
      '\ud800',
      'x'.repeat(256),
      '__proto__',
    ]
    for (const id of ids) {
      const sessionId = `${id}${crypto.randomUUID()}`
      const talk = converse(store(), id === '__proto__' ? id : sessionId)
      const strange = letter(`m${id}`, { replyId: `r${id}`, message: said(`m${id}`) })
      const claim = await talk.claim(strange, { tenant: id, instance: id })
      expect({ ...claim, claim: 0, lastId: '' }).toMatchObject({ logId: `r${id}`, letter: strange })
      await talk.post(letter('m2'), { tenant: id })
      await talk.append(claim, 1)
      expect(await talk.store.findLog(talk.id, claim.lastId)).toBe(`r${id}`)
      await talk.store.note(id, talk.id)
      expect(await talk.store.noted(id)).toContain(talk.id)
      expect(await talk.store.session(talk.id)).toMatchObject({
        tenant: id,
        turn: { owner: id, letterId: `m${id}`, logId: `r${id}` },
      })
      await talk.finish(claim)
      expect(await talk.history()).toEqual([`m${id}`, `r${id}`, 'm2'])
      const { sessions } = await talk.store.list(id, { limit: 10 })
      expect(sessions.map((session) => session.id)).toContain(talk.id)
    }
  })
}
