/** The calls of a random sequence, made in a store and in the model of a session, and compared. */
import type { Letter, WhenBusy } from '../../store/letter.ts'
import type { PostReply } from '../../store/mailbox.ts'
import type { Claim } from '../../store/turn.ts'
import { answer, type Conversation, letter, regenerate, said } from './conversation.ts'
import { expect } from './expectation.ts'
import { isForTurn, Model } from './session-model.ts'

/**
 * `change` is an edit of a message that waits or was withdrawn, and `edit` one of the history. `result` is the
 * result of a task.
 */
export type Kind = 'message' | 'answer' | 'regenerate' | 'edit' | 'change' | 'result'

export type Step =
  | { do: 'post'; id: number; kind: Kind; at: number }
  | { do: 'withdraw'; id: number }
  | { do: 'finish'; state: 'idle' | 'waiting'; discard: boolean }
  | { do: 'takeSteered' | 'settle' | 'stop' | 'takeOver' | 'append' }

const mailboxLimit = 4

/** Makes each step in the store and in the model, and compares the visible state. */
export class Run {
  readonly model = new Model()
  readonly talk: Conversation
  claim: Claim | undefined
  seq = 0

  constructor(talk: Conversation) {
    this.talk = talk
  }

  async step(step: Step, mode: WhenBusy): Promise<void> {
    if (step.do === 'post') await this.post(step, mode)
    else if (step.do === 'withdraw') await this.withdraw(`m${step.id}`)
    else if (this.claim !== undefined) await this.own(step, this.claim)
    expect(await this.seen()).toEqual(this.expected())
  }

  async post({ id, kind, at }: Extract<Step, { do: 'post' }>, whenBusy: WhenBusy) {
    const letter = this.letterOf(`m${id}`, kind, at)
    const isChange = kind === 'change'
    const isResult = kind === 'result'
    const options = {
      whenBusy,
      mailboxLimit,
      ...(isChange && { edit: {} }),
      ...(isResult && { isResult }),
    }
    const reply = await this.talk.post(letter, options)
    expect(wordsOf(reply)).toBe(this.expectedReply(letter, kind, whenBusy))
    if (reply.status === 'claimed') this.take(reply.claim)
  }

  expectedReply(letter: Letter, kind: Kind, whenBusy: WhenBusy): string {
    if (kind === 'change') return this.model.edit(letter, whenBusy, mailboxLimit)
    if (kind === 'result') return this.model.postResult(letter, mailboxLimit)
    return this.model.post(letter, whenBusy, mailboxLimit)
  }

  letterOf(id: string, kind: string, at: number): Letter {
    const places = [...this.model.history, this.model.turn?.logId ?? 'nowhere']
    const cutAt = places[at % places.length] ?? 'nowhere'
    if (kind === 'answer') return answer(id, this.model.turn?.logId ?? 're-nothing')
    if (kind === 'regenerate') return regenerate(id, cutAt)
    // An edit keeps the id of the message that it replaces.
    if (kind === 'edit') return letter(id, { cutAt, message: said(cutAt) })
    return letter(id)
  }

  async withdraw(id: string) {
    const isGone = await this.talk.store.withdraw(this.talk.id, id, {
      tenant: '',
    })
    expect(isGone).toBe(this.model.withdraw(id))
  }

  async own(step: Exclude<Step, { do: 'post' | 'withdraw' }>, claim: Claim) {
    const { talk, model } = this
    const at = { sessionId: talk.id, claim: claim.claim }
    if (step.do === 'finish') return this.finish(step, claim)
    if (step.do === 'takeSteered') {
      const taken = await talk.store.takeSteered(at)
      const expected = model.takeSteered()
      expect(taken === 'lost' ? taken : taken.map(({ id }) => id)).toEqual(expected)
    } else if (step.do === 'settle') {
      const logId = model.turn?.abandoned ?? 'nothing'
      const commit = { message: said(logId, 'assistant'), logTtlMs: 1000 }
      await talk.store.settleAbandoned({ ...at, logId }, commit)
      model.settle()
    } else if (step.do === 'stop') {
      const reply = await talk.store.requestStop(talk.id, { tenant: '' })
      expect(reply).toBe(model.stop())
    } else if (step.do === 'takeOver') {
      const options = { instance: 'two', handOver: false }
      const successor = await talk.store.takeOver(talk.id, claim.claim, options)
      expect(successor !== undefined).toBe(model.state === 'running')
      if (successor !== undefined) this.take(successor)
    } else {
      await this.append(claim)
    }
  }

  async append(claim: Claim) {
    const { model } = this
    const reply = await this.talk.append(claim, this.seq + 1)
    if (model.state !== 'running') return expect(reply).toEqual({ status: 'lost' })
    this.seq += 1
    const steer = model.queue.some(isForTurn)
    const stop = model.turn?.stop
    expect(reply).toEqual({ status: 'appended', steer, ...(stop !== undefined && { stop }) })
  }

  async finish({ state, discard }: Extract<Step, { do: 'finish' }>, claim: Claim) {
    const reply = await this.talk.finish(claim, { state, discard })
    const expected = this.model.finish(state, discard)
    if (expected === 'lost') return expect(reply).toEqual({ status: 'lost' })
    const next = reply.status === 'done' ? reply.next : undefined
    expect(reply.status).toBe('done')
    expect(next?.letter.id).toBe(expected)
    if (next !== undefined) this.take(next)
  }

  take(claim: Claim) {
    if (this.claim !== undefined) expect(claim.claim).toBeGreaterThan(this.claim.claim)
    expect(claim.logId).toBe(this.model.turn?.logId)
    expect(claim.abandoned).toBe(this.model.turn?.abandoned)
    this.claim = claim
    this.seq = 0
  }

  async seen() {
    const { store, id } = this.talk
    const record = await store.session(id)
    return {
      state: record?.state ?? 'none',
      logId: record?.turn?.logId,
      letterId: record?.turn?.letterId,
      stop: record?.turn?.stop,
      history: await this.talk.history(),
      queue: await this.talk.queue(),
      branches: (await store.branches(id)).map(({ messages }) => messages.map(({ id }) => id)),
    }
  }

  expected() {
    const { state, turn, history, queue, branches } = this.model
    const unfinished = state === 'idle' ? undefined : turn?.logId
    return {
      state,
      logId: turn?.logId,
      letterId: turn?.letter.id,
      stop: turn?.stop,
      history: history.filter((id) => id !== unfinished),
      queue: queue.map(({ letter }) => letter.id),
      branches,
    }
  }
}

function wordsOf(reply: PostReply): string {
  switch (reply.status) {
    case 'claimed':
      return `claimed ${reply.claim.logId} ${reply.claim.abandoned ?? ''}`
    case 'queued':
      return `queued ${reply.position}${reply.steered ? ' steered' : ''}`
    case 'known':
      return `known ${reply.as} ${reply.replyId}`
    case 'taken':
    case 'moved':
    case 'busy':
    case 'full':
    case 'gone':
    case 'foreign':
    case 'refused':
    case 'unknown':
      return reply.status
  }
}
