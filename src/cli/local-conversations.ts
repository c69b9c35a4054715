/**
 * Conversations that this process runs itself: in memory, where one that is kept begins with what its
 * file holds and is written back as it goes on (`kept-store.ts`); or in Redis, which keeps them by itself.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import type { Loom } from '../loom.ts'
import type { Answering } from '../session/answering.ts'
import { digest } from '../session/posted.ts'
import { openEventQueue } from '../sink/queue.ts'
import type { Answer } from '../store/letter.ts'
import type { Letter } from '../store/letter.ts'
import type { Conversation, Conversations, ConversationSummary, Events } from './conversation.ts'
import type { KeptStore } from './kept-store.ts'
import { type SessionFiles, titleOf } from './session-files.ts'

export interface LocalOptions {
  loom: Loom
  agent: string
  /** `redis` where the store of `loom` is one; else memory, and files if there are any. */
  files: SessionFiles | undefined
  /** The store of `loom`, where it writes those files. */
  kept: KeptStore | undefined
  isRedis: boolean
  /** What the last turn failed with. */
  failure: () => unknown
}

export function localConversations(options: LocalOptions): Conversations {
  const { loom, agent, files, isRedis } = options
  return {
    agent,
    isShared: isRedis,
    isKept: isRedis || files !== undefined,
    place: isRedis
      ? 'kept in Redis'
      : files === undefined
        ? 'not kept'
        : `kept in ${files.shownDirectory}`,
    failure: options.failure,
    async open(id) {
      if (id === undefined) return new LocalConversation(randomUUID(), options)
      const kept = await files?.read(id)
      return new LocalConversation(id, options, kept)
    },
    async list() {
      return files === undefined ? listStored(options) : files.list()
    },
    async remove(id) {
      if (files !== undefined) return files.remove(id)
      return loom.sessions.remove(id, '')
    },
    [Symbol.asyncDispose]: () => loom.close(),
  }
}

async function listStored({ loom, agent }: LocalOptions): Promise<ConversationSummary[]> {
  const { sessions } = await loom.sessions.list('', { limit: 50 })
  return Promise.all(
    sessions
      // The same Redis may be a server's, whose agents are others.
      .filter((session) => session.agent === agent)
      .map(async (session) => {
        const title = titleOf(await loom.sessions.messages(session.id))
        const { id, updatedAt } = session
        return { id, updatedAt, agent, ...(title !== undefined && { title }) }
      }),
  )
}

class LocalConversation implements Conversation {
  readonly id: string
  readonly #options: LocalOptions
  readonly #seed: readonly UIMessage[]

  constructor(id: string, options: LocalOptions, kept?: { messages: readonly UIMessage[] }) {
    this.id = id
    this.#options = options
    this.#seed = kept?.messages ?? []
  }

  get #sessions() {
    return this.#options.loom.sessions
  }

  async send(text: string, signal: AbortSignal): Promise<Events> {
    const id = randomUUID()
    const message: UIMessage = { id, role: 'user', parts: [{ type: 'text', text }] }
    const replyId = `reply-${digest([this.id, id])}`
    return this.#post({ id, kind: 'message', message, replyId }, signal)
  }

  answer(messageId: string, answers: readonly Answer[], signal: AbortSignal): Promise<Events> {
    const id = `answer:${digest(answers)}`
    return this.#post({ id, kind: 'answer', answer: answers, replyId: messageId }, signal)
  }

  async watch(signal: AbortSignal): Promise<Events | undefined> {
    const place = await this.#sessions.readers.placeOf(this.id, undefined)
    return place === undefined ? undefined : this.#follow({ ...place, queued: false }, signal)
  }

  async running(): Promise<string | undefined> {
    const place = await this.#sessions.readers.placeOf(this.id, undefined)
    return place?.logId
  }

  async stop(): Promise<void> {
    await this.#sessions.stop(this.id, '')
  }

  async messages(): Promise<UIMessage[]> {
    const session = await this.#sessions.session(this.id)
    if (session === undefined) return [...this.#seed]
    return this.#sessions.messages(this.id)
  }

  async save(): Promise<void> {
    await this.#options.kept?.keep(this.id)
  }

  async #post(letter: Omit<Letter, 'request'>, signal: AbortSignal): Promise<Events> {
    const { agent } = this.#options
    const answering = await this.#sessions.post(
      this.id,
      { ...letter, request: { agent } },
      { tenant: '', agent, whenBusy: 'queue', ...(this.#seed.length > 0 && { seed: this.#seed }) },
    )
    return this.#follow(answering, signal)
  }

  async *#follow(
    answering: Pick<Answering, 'logId' | 'after'> & Partial<Answering>,
    signal: AbortSignal,
  ): AsyncGenerator<AgentEvent, void> {
    const { letterId, queued = false, answers = [] } = answering
    const queue = openEventQueue()
    const leaving = new AbortController()
    const until = AbortSignal.any([signal, leaving.signal])
    const follow = async () => {
      const { logId, after } =
        queued && letterId !== undefined
          ? await this.#sessions.readers.begun(this.id, { ...answering, letterId, answers }, until)
          : answering
      const end = await this.#sessions.readers.follow({
        sessionId: this.id,
        logId,
        after,
        signal: until,
        deliver: async ({ events }) => {
          for (const event of events) await queue.sink(event)
        },
      })
      if (end === 'gone') throw new LoomError('gone', 'The answer is no longer there to be read.')
    }
    follow().then(
      () => queue.end(),
      (reason: unknown) => queue.end({ reason }),
    )
    try {
      yield* queue.events
    } finally {
      leaving.abort()
    }
  }
}
