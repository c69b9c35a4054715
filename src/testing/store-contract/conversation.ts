/** Calls a store as the session layer does, with defaults for the fields that a test does not set. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { AgentEvent } from '../../event.ts'
import type { Store } from '../../store.ts'
import type { Letter } from '../../store/letter.ts'
import type { AppendReply, LogEntry } from '../../store/log.ts'
import type { PostOptions, PostReply } from '../../store/mailbox.ts'
import type { Claim, Commit, FinishReply } from '../../store/turn.ts'

export function said(
  id: string,
  role: UIMessage['role'] = 'user',
  text = `text of ${id}`,
): UIMessage {
  return { id, role, parts: [{ type: 'text', text }] }
}

/** A user message; its answer is `re-<id>`. */
export function letter(id: string, more: Partial<Letter> = {}): Letter {
  return {
    id,
    kind: 'message',
    message: said(id),
    replyId: `re-${id}`,
    request: { agent: 'assistant' },
    ...more,
  }
}

/** The answer to a call that a turn waits for. */
export function answer(id: string, replyId: string): Letter {
  return {
    id,
    kind: 'answer',
    replyId,
    answer: [{ type: 'output', toolCallId: 'c', output: 42 }],
    request: { agent: 'assistant' },
  }
}

/** A regeneration: another answer in place of `cutAt`. The letter has no message. */
export function regenerate(id: string, cutAt: string): Letter {
  return { id, kind: 'message', replyId: `re-${id}`, cutAt, request: { agent: 'assistant' } }
}

export const delta = (text: string): AgentEvent[] => [{ type: 'text-delta', id: 't1', delta: text }]

export interface Conversation {
  readonly id: string
  readonly store: Store
  post(letter: Letter, options?: Partial<PostOptions>): Promise<PostReply>
  /** Posts to a free session, and returns the claim. */
  claim(letter: Letter, options?: Partial<PostOptions>): Promise<Claim>
  append(claim: Claim, seq: number, after?: number): Promise<AppendReply>
  /** Ends the turn after the entries that this conversation appended. */
  finish(claim: Claim, commit?: Partial<Commit>): Promise<FinishReply>
  /** Runs one whole turn. */
  turn(letter: Letter, options?: Partial<PostOptions>): Promise<Claim>
  history(): Promise<string[]>
  queue(): Promise<string[]>
}

export function converse(store: Store, id: string = randomUUID()): Conversation {
  const post = (letter: Letter, options: Partial<PostOptions> = {}) =>
    store.post(id, letter, { ...postOptions(), ...options })

  const claim = async (letter: Letter, options?: Partial<PostOptions>) => {
    const reply = await post(letter, options)
    if (reply.status !== 'claimed') throw new Error(`${letter.id} was ${reply.status}, not claimed`)
    return reply.claim
  }

  const written = new Map<number, string>()
  const append = async ({ claim, logId }: Claim, seq: number, after = seq - 1) => {
    const next = entry(claim, seq)
    const at = { sessionId: id, claim, logId, after: `${claim}-${after}` }
    const reply = await store.append(at, next)
    if (reply.status === 'appended') written.set(claim, next.id)
    return reply
  }

  const finish = ({ claim, logId, lastId: begunAt }: Claim, commit: Partial<Commit> = {}) => {
    const lastId = written.get(claim) ?? begunAt
    return store.finish(
      { sessionId: id, claim, logId, lastId, instance: 'one' },
      { state: 'idle', message: said(logId, 'assistant'), logTtlMs: 60_000, ...commit },
    )
  }

  return {
    id,
    store,
    post,
    claim,
    finish,
    append,
    async turn(letter, options) {
      const turn = await claim(letter, options)
      await finish(turn)
      return turn
    },
    history: async () => (await store.messages(id)).map((message) => message.id),
    queue: async () => (await store.mailbox(id)).map((waiting) => waiting.id),
  }
}

export const entry = (claim: number, seq: number): LogEntry => ({
  id: `${claim}-${seq}`,
  events: delta(`${seq} `),
})

export function postOptions(): PostOptions {
  return {
    instance: 'one',
    tenant: '',
    agent: 'assistant',
    whenBusy: 'queue',
    mailboxLimit: 100,
  }
}

/** Returns the next claim of a finish. Throws if there is none. */
export function nextOf(reply: FinishReply): Claim {
  if (reply.status !== 'done' || reply.next === undefined) {
    throw new Error(`nothing was taken: ${JSON.stringify(reply)}`)
  }
  return reply.next
}
