/**
 * Conversations that this process runs itself: in memory, where one that is kept begins with what its
 * file holds and is written back as it goes on (`kept-store.ts`); or in Redis, which keeps them by itself.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { AgentSession } from '../agent-session.ts'
import type { Loom } from '../loom.ts'
import type { Answer } from '../store/letter.ts'
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
  readonly #session: AgentSession
  readonly #kept: KeptStore | undefined

  constructor(
    id: string,
    { loom, agent, kept: store }: LocalOptions,
    kept: { messages: readonly UIMessage[] } = { messages: [] },
  ) {
    this.id = id
    this.#session = new AgentSession(loom.agentOf(agent), { id, loom, seed: kept.messages })
    this.#kept = store
  }

  send(text: string, signal: AbortSignal): Promise<Events> {
    return this.#session.send(text, { signal })
  }

  answer(messageId: string, answers: readonly Answer[], signal: AbortSignal): Promise<Events> {
    return this.#session.answer(messageId, answers, { signal })
  }

  watch(signal: AbortSignal): Promise<Events | undefined> {
    return this.#session.watch({ signal })
  }

  running(): Promise<string | undefined> {
    return this.#session.running()
  }

  async stop(): Promise<void> {
    await this.#session.stop()
  }

  messages(): Promise<UIMessage[]> {
    return this.#session.messages()
  }

  async save(): Promise<void> {
    await this.#kept?.keep(this.id)
  }
}
