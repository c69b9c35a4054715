import type { Letter } from '../../store/letter.ts'
import type { PostOptions } from '../../store/mailbox.ts'
import type { Conversation } from './conversation.ts'
import { converse, letter, nextOf, regenerate, said } from './conversation.ts'
/** Edits of messages that are not in the history: they wait, or were withdrawn. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const edited = (id: string, more: Partial<Letter> = {}) =>
  letter(id, { message: said(id, 'user', 'edited'), digest: 'edited', ...more })
const first = (id: string) => letter(id, { digest: 'first' })

/** Posts an edit. */
const edit = (talk: Conversation, of: Letter, options: Partial<PostOptions> = {}) =>
  talk.post(of, { edit: {}, ...options })

/** A running turn, with m2 and m3 in the queue. */
async function busyTalk({ store }: Subject) {
  const talk = converse(store())
  const claim = await talk.claim(first('m1'))
  await talk.post(first('m2'))
  await talk.post(first('m3'))
  return { talk, claim }
}

/** The same, with a stop and the end of the turn. */
async function heldTalk(subject: Subject) {
  const { talk, claim } = await busyTalk(subject)
  await talk.store.requestStop(talk.id, { tenant: '', queue: 'hold' })
  await talk.finish(claim)
  return talk
}

const withdraw = (talk: Conversation, id: string) =>
  talk.store.withdraw(talk.id, id, { tenant: '' })

export function editing(subject: Subject): void {
  const { it } = subject
  it('replaces a waiting letter, with its place and reply id', async () => {
    const { talk, claim } = await busyTalk(subject)
    const reply = await edit(talk, edited('m2'))
    expect(reply).toEqual({ status: 'queued', position: 0, steered: false })
    expect(await talk.queue()).toEqual(['m2', 'm3'])
    expect(await talk.store.findLetter(talk.id, 'm2')).toEqual({ as: 'queued', replyId: 're-m2' })
    // The first content is other content now.
    expect(await talk.post(first('m2'))).toEqual({ status: 'taken' })
    expect(await talk.post(edited('m2'))).toMatchObject({ status: 'known', as: 'queued' })
    const next = nextOf(await talk.finish(claim))
    expect(next).toMatchObject({ letter: edited('m2'), logId: 're-m2' })
    expect((await talk.store.messages(talk.id)).at(-1)).toEqual(said('m2', 'user', 'edited'))
    expect(await edit(talk, edited('m2'))).toEqual({ status: 'moved' })
  })

  it('replaces no letter if the post is no edit', async () => {
    const { talk } = await busyTalk(subject)
    expect(await talk.post(edited('m2'))).toEqual({ status: 'taken' })
    expect((await talk.store.mailbox(talk.id))[0]).toEqual(first('m2'))
  })

  it('replaces a letter in a full mailbox', async () => {
    const { talk } = await busyTalk(subject)
    const reply = await edit(talk, edited('m3'), { mailboxLimit: 2 })
    expect(reply).toEqual({ status: 'queued', position: 1, steered: false })
  })

  it('moves a letter as its `whenBusy` demands', async () => {
    const { talk, claim } = await busyTalk(subject)
    expect(await edit(talk, edited('m3'), { whenBusy: 'reject' })).toEqual({ status: 'busy' })
    const steered = await edit(talk, edited('m3'), { whenBusy: 'steer' })
    expect(steered).toEqual({ status: 'queued', position: 0, steered: true })
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: true })
    const urgent = await edit(talk, edited('m3'), { whenBusy: 'interrupt' })
    expect(urgent).toEqual({ status: 'queued', position: 0, steered: false })
    expect(await talk.append(claim, 2)).toEqual({ status: 'appended', steer: false, stop: 'keep' })
    expect(await talk.queue()).toEqual(['m3', 'm2'])
  })

  it('keeps a steered letter steered', async () => {
    const { talk, claim } = await busyTalk(subject)
    await talk.post(first('s1'), { whenBusy: 'steer' })
    expect(await edit(talk, edited('s1'))).toEqual({ status: 'queued', position: 0, steered: true })
    const at = { sessionId: talk.id, claim: claim.claim }
    expect(await talk.store.takeSteered(at)).toEqual([edited('s1')])
    expect(await edit(talk, edited('s1'))).toEqual({ status: 'moved' })
  })

  it('ends a hold and keeps the order of letters', async () => {
    const talk = await heldTalk(subject)
    const reply = await edit(talk, edited('m3'))
    expect(reply).toMatchObject({ status: 'queued', position: 0, next: { letter: { id: 'm2' } } })
    expect(await talk.queue()).toEqual(['m3'])
    const alone = await heldTalk(subject)
    const claimed = await edit(alone, edited('m2'))
    expect(claimed).toMatchObject({ status: 'claimed', claim: { letter: edited('m2') } })
    expect(await alone.store.session(alone.id)).not.toHaveProperty('held')
  })

  it('puts an interrupting letter before the others', async () => {
    const talk = await heldTalk(subject)
    const claimed = await edit(talk, edited('m3'), { whenBusy: 'reject' })
    expect(claimed).toMatchObject({ status: 'claimed', claim: { letter: { id: 'm3' } } })
    expect(await talk.queue()).toEqual(['m2'])
  })

  it('changes nothing when its key was posted before', async () => {
    const { talk, claim } = await busyTalk(subject)
    const keyed = (key: string) => ({ edit: { key } })
    await edit(talk, edited('m2'), keyed('one'))
    const other = edited('m2', { digest: 'other' })
    expect(await edit(talk, other, keyed('one'))).toEqual({ status: 'taken' })
    await edit(talk, other, keyed('two'))
    const again = await edit(talk, edited('m2'), keyed('one'))
    expect(again).toEqual({ status: 'known', as: 'queued', replyId: 're-m2' })
    expect((await talk.store.mailbox(talk.id))[0]).toEqual(other)
    await withdraw(talk, 'm2')
    expect(await edit(talk, other, keyed('two'))).toMatchObject({ as: 'withdrawn' })
    // The letter of an edit of the history has the key as its id.
    await edit(talk, edited('m3'), keyed('three'))
    nextOf(await talk.finish(claim))
    const late = await talk.post(letter('three', { digest: 'edited', cutAt: 'm3' }))
    expect(late).toEqual({ status: 'known', as: 'running', replyId: 're-m3' })
  })

  it('posts a new message for a withdrawn or unknown id', async () => {
    const { talk, claim } = await busyTalk(subject)
    await withdraw(talk, 'm2')
    expect(await talk.post(first('m2'))).toMatchObject({ status: 'known', as: 'withdrawn' })
    const reply = await edit(talk, edited('m2', { replyId: 'another' }))
    expect(reply).toEqual({ status: 'queued', position: 1, steered: false })
    expect(await talk.queue()).toEqual(['m3', 'm2'])
    expect(await edit(talk, edited('m4'))).toMatchObject({ status: 'queued', position: 2 })
    const third = nextOf(await talk.finish(claim))
    expect(nextOf(await talk.finish(third))).toMatchObject({ logId: 'another' })
    const fresh = converse(subject.store())
    expect(await edit(fresh, edited('m1'))).toMatchObject({ status: 'claimed' })
  })

  it('changes no letter of another kind or reply id', async () => {
    const { talk, claim } = await busyTalk(subject)
    await talk.post(regenerate('r1', 're-m1'))
    await talk.post(letter('e1', { message: said('m1'), cutAt: 'm1' }))
    const before = await talk.store.mailbox(talk.id)
    for (const of of [
      edited('m1'),
      edited('m2', { replyId: 'older' }),
      edited('e1'),
      edited('re-m1'),
    ]) {
      expect(await edit(talk, of), of.id).toEqual({ status: 'moved' })
    }
    expect(await edit(talk, edited('m2'), { tenant: 'other' })).toEqual({ status: 'foreign' })
    expect(await talk.store.mailbox(talk.id)).toEqual(before)
    nextOf(await talk.finish(claim))
  })
}
