import { answer, converse, letter, nextOf, regenerate, said } from './conversation.ts'
/** The results of posts. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

export function posting({ it, store, open }: Subject): void {
  it('is taken if its id has other content', async () => {
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
    // The id of a letter without a digest is made from its content.
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'known', as: 'done' })
    // An edit gives new content to the id of the message.
    const edit = letter('e1', { cutAt: 'm1', message: said('m1'), digest: 'edited' })
    await talk.turn(edit)
    expect(await talk.post(letter('m1', { digest: 'edited' }))).toMatchObject({ status: 'known' })
  })

  it('claims a free session', async () => {
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

  it('claims once among a hundred, and the others queue', async () => {
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

  it('is refused if the letters that wait become too large', async () => {
    const talk = converse(store())
    const large = (id: string, length: number) =>
      letter(id, {
        message: { id, role: 'user', parts: [{ type: 'text', text: 'x'.repeat(length) }] },
      })
    const within = { mailboxBytesMax: 250_000 }
    let claim = await talk.claim(letter('m1'))
    // A letter that waits alone is never too large.
    expect(await talk.post(large('m2', 300_000), within)).toMatchObject({ status: 'queued' })
    expect(await talk.post(letter('m3'), within)).toEqual({ status: 'full' })
    expect(await talk.queue()).toEqual(['m2'])
    claim = nextOf(await talk.finish(claim))
    for (const id of ['m3', 'm4']) {
      expect(await talk.post(large(id, 100_000), within)).toMatchObject({ status: 'queued' })
    }
    expect(await talk.post(large('m5', 100_000), within)).toEqual({ status: 'full' })
    // An edit takes the place of the letter that it edits.
    const edit = { ...within, edit: {} }
    expect(await talk.post(large('m4', 200_000), edit)).toEqual({ status: 'full' })
    expect(await talk.post(large('m4', 120_000), edit)).toMatchObject({ status: 'queued' })
    expect(await talk.post(large('m4', 110_000), edit)).toMatchObject({ status: 'queued' })
    expect(await talk.queue()).toEqual(['m3', 'm4'])
    expect(nextOf(await talk.finish(claim)).letter.id).toBe('m3')
  })

  it('is taken first in, first out', async () => {
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

  it('returns the place of an id that was posted before', async () => {
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

  it('is found, with the log that answers it', async () => {
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

  it('is no new message if it has the id of an answer', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    expect(await talk.post(letter('re-m1'))).toMatchObject({ status: 'known', as: 'running' })
    await talk.finish(claim)
    expect(await talk.post(letter('re-m1'))).toMatchObject({ status: 'known', as: 'done' })
    expect(await talk.history()).toEqual(['m1', 're-m1'])
  })

  it('is not accepted again after it was withdrawn', async () => {
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

  it('is forgotten after many others', async () => {
    const talk = converse(await open({ knownMax: 3 }))
    for (const id of ['m1', 'm2', 'm3', 'm4']) {
      const claim = await talk.claim(letter(id))
      await talk.finish(claim, { discard: true })
    }
    expect(await talk.post(letter('m2'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    expect(await talk.post(letter('m1'))).toMatchObject({ status: 'claimed' })
  })

  it('is refused if the mailbox is full', async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'))
    expect(await talk.post(letter('m2'), { mailboxLimit: 1 })).toMatchObject({ status: 'queued' })
    expect(await talk.post(letter('m3'), { mailboxLimit: 1 })).toEqual({ status: 'full' })
    expect(await talk.post(letter('m3'))).toMatchObject({ status: 'queued', position: 1 })
  })

  it('is refused as busy if it would not wait', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    expect(await talk.post(letter('m2'), { whenBusy: 'reject' })).toEqual({ status: 'busy' })
    await talk.finish(claim)
    expect(await talk.post(letter('m2'), { whenBusy: 'reject' })).toMatchObject({
      status: 'claimed',
    })
  })

  it('has no effect on a session of another tenant', async () => {
    const talk = converse(store())
    await talk.claim(letter('m1'), { tenant: 'ann' })
    expect(await talk.post(letter('m2'), { tenant: 'bob' })).toEqual({ status: 'foreign' })
    expect(await talk.post(letter('m1'), { tenant: '' })).toEqual({ status: 'foreign' })
    expect(await talk.store.requestStop(talk.id, { tenant: 'bob' })).toBe(false)
    expect(await talk.store.remove(talk.id, { tenant: 'bob' })).toBe(false)
    expect(await talk.post(letter('m2'), { tenant: 'ann' })).toMatchObject({ status: 'queued' })
  })

  it('is refused if it answers no waiting message', async () => {
    const talk = converse(store())
    expect(await talk.post(answer('a1', 're-m1'))).toEqual({ status: 'refused' })
    expect(await talk.store.session(talk.id)).toBeUndefined()
    await talk.turn(letter('m1'))
    expect(await talk.post(answer('a1', 're-m1'))).toEqual({ status: 'refused' })
  })

  it('is refused if it cuts at an unknown message', async () => {
    const talk = converse(store())
    const seed = [said('s1'), said('s2', 'assistant')]
    expect(await talk.post(regenerate('r1', 's3'), { seed })).toEqual({ status: 'refused' })
    expect(await talk.store.session(talk.id)).toBeUndefined()
    expect(await talk.post(regenerate('r1', 's2'), { seed })).toMatchObject({ status: 'claimed' })
    expect(await talk.history()).toEqual(['s1'])
  })

  it('begins only a new session with its seed', async () => {
    const talk = converse(store())
    const seed = [said('s1'), said('s2', 'assistant')]
    await talk.turn(letter('m1'), { seed })
    expect(await talk.history()).toEqual(['s1', 's2', 'm1', 're-m1'])
    expect(await talk.post(letter('s1'))).toEqual({ status: 'known', as: 'done', replyId: '' })
    await talk.turn(letter('m2'), { seed: [said('s3')] })
    expect(await talk.history()).not.toContain('s3')
  })

  it('may have any text as its id', async () => {
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
