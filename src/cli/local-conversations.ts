/**
 * Conversations that run in this process. They are in Redis, or in memory. A stored conversation in
 * memory begins with the content of its file, and `file-store.ts` writes its changes back.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { AgentSession } from '../agent-session.ts'
import type { Loom } from '../loom.ts'
import type { Answer } from '../store/letter.ts'
import type { TaskInfo } from '../task.ts'
import type { Conversation, Conversations, ConversationSummary, Events } from './conversation.ts'
import type { FileStore } from './file-store.ts'
import type { SessionFiles } from './session-files.ts'

export interface LocalOptions {
  loom: Loom
  agent: string
  /** The files of the sessions. Undefined with Redis, and for a conversation that is not stored. */
  files: SessionFiles | undefined
  /** The store of `loom`, if it writes these files. */
  fileStore: FileStore | undefined
  /** Whether the store of `loom` is Redis. */
  isRedis: boolean
  /** Returns the error of the last turn. */
  failure: () => unknown
}

export function localConversations(options: LocalOptions): Conversations {
  const { loom, agent, files, isRedis } = options
  return {
    agent,
    isShared: isRedis,
    isStored: isRedis || files !== undefined,
    place: isRedis
      ? 'stored in Redis'
      : files === undefined
        ? 'not stored'
        : `stored in ${files.shownDirectory}`,
    failure: options.failure,
    async open(id) {
      if (id === undefined) return new LocalConversation(randomUUID(), options)
      const stored = await files?.read(id)
      return new LocalConversation(id, options, stored)
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
  return (
    sessions
      // A server with other agents may use the same Redis.
      .filter((session) => session.agent === agent)
      .map(({ id, updatedAt, title }) => ({
        id,
        updatedAt,
        agent,
        ...(title !== undefined && { title }),
      }))
  )
}

class LocalConversation implements Conversation {
  readonly id: string
  readonly #session: AgentSession
  readonly #fileStore: FileStore | undefined

  constructor(
    id: string,
    { loom, agent, fileStore }: LocalOptions,
    stored: { messages: readonly UIMessage[] } = { messages: [] },
  ) {
    this.id = id
    this.#session = new AgentSession(loom.agentOf(agent), { id, loom, seed: stored.messages })
    this.#fileStore = fileStore
  }

  send(message: string | UIMessage, signal: AbortSignal): Promise<Events> {
    return this.#session.send(message, { signal })
  }

  answer(messageId: string, answers: readonly Answer[], signal: AbortSignal): Promise<Events> {
    return this.#session.answer(messageId, answers, { signal })
  }

  async settle(messageId: string, answers: readonly Answer[]): Promise<void> {
    await this.#session.answer(messageId, answers)
  }

  async follow(signal: AbortSignal): Promise<Events> {
    return this.#session.follow({ signal })
  }

  watch(signal: AbortSignal): Promise<Events | undefined> {
    return this.#session.watch({ signal })
  }

  running(): Promise<string | undefined> {
    return this.#session.running()
  }

  async stop(options: { tree?: boolean; messageId?: string } = {}): Promise<void> {
    await this.#session.stop(options)
  }

  tasks(): Promise<TaskInfo[]> {
    return this.#session.tasks()
  }

  async latest(): Promise<string | undefined> {
    return (await this.#session.info())?.messageId
  }

  messages(): Promise<UIMessage[]> {
    return this.#session.messages()
  }

  async save(): Promise<void> {
    await this.#fileStore?.write(this.id)
  }
}
