/**
 * Conversations on a server, over the routes that frontends use. After a broken connection, the
 * client continues to read at the same event. The server accepts a message only once, even if it
 * arrives twice.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { fieldsOf, textField } from '../ground/fields.ts'
import type { Answer } from '../store/letter.ts'
import type { TaskInfo } from '../task.ts'
import { modernMessage } from '../wire/conversation/version-4.ts'
import type { Conversation, Conversations, ConversationSummary, Events } from './conversation.ts'
import { Api, type ApiOptions, notLoom } from './remote/api.ts'
import { readEvents } from './remote/event-reader.ts'

export interface RemoteOptions extends ApiOptions {
  /** The agent that answers. Undefined uses the default agent of the server. */
  agent: string | undefined
}

export function remoteConversations(options: RemoteOptions): Conversations {
  const { agent } = options
  const api = new Api(options)
  return {
    agent: agent ?? "the server's own",
    isStored: true,
    isShared: true,
    place: `on ${new URL(options.url).host}`,
    failure: () => undefined,
    async open(id) {
      // Reports a wrong address or key now, and not after the retries of the first message.
      const { sessions } = fieldsOf(await api.json('GET', '?limit=1'))
      if (!Array.isArray(sessions)) throw notLoom(options.url)
      return new RemoteConversation(id ?? randomUUID(), api, agent)
    },
    list: () => list(api, options.url),
    remove: (id) => api.remove(id),
    // Nothing to close: no resource is open between two requests.
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function list(api: Api, url: string): Promise<ConversationSummary[]> {
  const { sessions } = fieldsOf(await api.json('GET', ''))
  if (!Array.isArray(sessions)) throw notLoom(url)
  return sessions.flatMap((session: unknown): ConversationSummary[] => {
    const { id, agent, updatedAt } = fieldsOf(session)
    if (typeof id !== 'string' || typeof updatedAt !== 'number') return []
    const title = textField(session, 'title')
    const named = { id, updatedAt, agent: typeof agent === 'string' ? agent : '' }
    return [{ ...named, ...(title !== undefined && { title }) }]
  })
}

class RemoteConversation implements Conversation {
  readonly id: string
  readonly #api: Api
  readonly #agent: string | undefined
  /** The cursor of the last event that was read. */
  #cursor: string | undefined

  constructor(id: string, api: Api, agent: string | undefined) {
    this.id = id
    this.#api = api
    this.#agent = agent
  }

  get #path(): string {
    return `/${encodeURIComponent(this.id)}`
  }

  async send(given: string | UIMessage, signal: AbortSignal): Promise<Events> {
    const message =
      typeof given === 'string'
        ? { id: randomUUID(), role: 'user', parts: [{ type: 'text', text: given }] }
        : given
    // `id` comes before `messages`: `resumableFetch` reads the session id from the start of the
    // body.
    const body = {
      id: this.id,
      messages: [message],
      ...(this.#agent !== undefined && { agent: this.#agent }),
      // A server that restarted without its conversations must refuse the message and not begin a
      // new session.
      ...(this.#cursor !== undefined && { continues: true }),
    }
    return this.#events(await this.#api.stream('POST', '', { body, signal }))
  }

  async answer(
    messageId: string,
    answers: readonly Answer[],
    signal: AbortSignal,
  ): Promise<Events> {
    await this.settle(messageId, answers)
    // The message continues in the same log, after the last event that was read.
    const after = this.#cursor === undefined ? '' : `?after=${encodeURIComponent(this.#cursor)}`
    return this.#events(await this.#api.stream('GET', `${this.#path}/stream${after}`, { signal }))
  }

  async settle(_messageId: string, answers: readonly Answer[]): Promise<void> {
    for (const answer of answers) {
      const [path, body] = answerRequest(answer)
      await this.#api.json('POST', this.#path + path, { body, isAsync: true }).catch(unlessRefused)
    }
  }

  async follow(signal: AbortSignal): Promise<Events> {
    const body = await this.#api.stream('GET', `${this.#path}/stream?follow=session`, { signal })
    // The place of this reader is not that of the answers that the command asked for.
    return body === undefined ? noEvents() : readEvents(body, () => undefined)
  }

  async watch(signal: AbortSignal): Promise<Events | undefined> {
    const body = await this.#api.stream('GET', `${this.#path}/stream`, { signal })
    return body === undefined ? undefined : this.#events(body)
  }

  async running(): Promise<string | undefined> {
    const session = fieldsOf(await this.#session())
    const { state } = session
    if (state !== 'running' && state !== 'waiting') return undefined
    return textField(session, 'messageId')
  }

  async stop({
    tree = false,
    messageId,
  }: { tree?: boolean; messageId?: string } = {}): Promise<void> {
    const body = messageId === undefined ? {} : { body: { messageId } }
    await this.#api.json('POST', `${this.#path}/stop${tree ? '?tree=1' : ''}`, body)
  }

  async tasks(): Promise<TaskInfo[]> {
    if ((await this.#session()) === undefined) return []
    const { tasks } = fieldsOf(await this.#api.json('GET', `${this.#path}/tasks`))
    return Array.isArray(tasks) ? tasks.filter(isTaskInfo) : []
  }

  async latest(): Promise<string | undefined> {
    return textField(await this.#session(), 'messageId')
  }

  async messages(): Promise<UIMessage[]> {
    if ((await this.#session()) === undefined) return []
    const messages = await this.#api.json('GET', `${this.#path}/messages?queued=0`)
    const { safeValidateUIMessages } = await import('ai')
    const read = await safeValidateUIMessages<UIMessage>({
      messages: Array.isArray(messages) ? messages.map(modernMessage) : messages,
    })
    return read.success ? read.data : []
  }

  // The server stores the conversation.
  async save(): Promise<void> {}

  #events(body: ReadableStream<Uint8Array> | undefined): Events {
    if (body === undefined) throw new LoomError('gone', 'The answer is no longer on the server.')
    return readEvents(body, (cursor) => (this.#cursor = cursor))
  }

  async #session(): Promise<unknown> {
    try {
      return await this.#api.json('GET', this.#path)
    } catch (error) {
      // The session begins with its first message.
      if (error instanceof LoomError && error.code === 'not-found') return undefined
      throw error
    }
  }
}

async function* noEvents(): Events {}

/** Whether a server sent a task. Another version may leave out fields that this one needs. */
function isTaskInfo(value: unknown): value is TaskInfo {
  const { id, parentId, agent, title, state } = fieldsOf(value)
  return [id, parentId, agent, title, state].every((field) => typeof field === 'string')
}

/**
 * Ignores `refused`: another client answered the call first, and all clients read the same events
 * after it.
 */
function unlessRefused(error: unknown): void {
  if (!(error instanceof LoomError) || error.code !== 'refused') throw error
}

function answerRequest(answer: Answer): [path: string, body: object] {
  switch (answer.type) {
    case 'approval': {
      const { approved, reason } = answer
      const body = { approved, ...(reason !== undefined && { reason }) }
      return [`/approvals/${encodeURIComponent(answer.approvalId)}`, body]
    }
    case 'output':
      return [`/tools/${encodeURIComponent(answer.toolCallId)}`, { output: answer.output }]
    case 'output-error':
      return [`/tools/${encodeURIComponent(answer.toolCallId)}`, { errorText: answer.errorText }]
  }
}
