/**
 * Conversations on a server, over the same routes that frontends use. A connection that breaks is
 * taken up where it was, and a message that is sent twice is one message.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { resumableFetch } from '../client.ts'
import { LoomError, type LoomErrorCode } from '../error.ts'
import type { Answer } from '../session/letter-request.ts'
import type { Conversation, Conversations, ConversationSummary, Events } from './conversation.ts'
import { readEvents } from './remote/event-reader.ts'
import { fieldsOf, textField } from './render/fields.ts'

export interface RemoteOptions {
  /** Of the server, such as http://127.0.0.1:3000. */
  url: string
  /** The bearer token, if the server asks for one. */
  apiKey: string | undefined
  /** The agent that messages are for; the server's own default without it. */
  agent: string | undefined
}

export function remoteConversations(options: RemoteOptions): Conversations {
  const { agent } = options
  const api = new Api(options)
  return {
    agent: agent ?? "the server's own",
    isKept: true,
    place: `on ${new URL(options.url).host}`,
    failure: () => undefined,
    async open(id) {
      // A wrong address or key is told now, and not after a message's patient attempts.
      await api.json('GET', '?limit=1')
      return new RemoteConversation(id ?? randomUUID(), api, agent)
    },
    list: () => list(api),
    remove: (id) => api.remove(id),
    // Nothing is held between two requests.
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function list(api: Api): Promise<ConversationSummary[]> {
  const { sessions } = fieldsOf(await api.json('GET', ''))
  if (!Array.isArray(sessions)) return []
  return sessions.flatMap((session: unknown): ConversationSummary[] => {
    const { id, agent, updatedAt } = fieldsOf(session)
    if (typeof id !== 'string' || typeof updatedAt !== 'number') return []
    return [{ id, updatedAt, agent: typeof agent === 'string' ? agent : '' }]
  })
}

class RemoteConversation implements Conversation {
  readonly id: string
  readonly #api: Api
  readonly #agent: string | undefined
  /** The place of the last event that was read. */
  #cursor: string | undefined

  constructor(id: string, api: Api, agent: string | undefined) {
    this.id = id
    this.#api = api
    this.#agent = agent
  }

  get #path(): string {
    return `/${encodeURIComponent(this.id)}`
  }

  async send(text: string, signal: AbortSignal): Promise<Events> {
    const message = { id: randomUUID(), role: 'user', parts: [{ type: 'text', text }] }
    // `id` and then `messages`: what `resumableFetch` reads the session from.
    const body = {
      id: this.id,
      messages: [message],
      ...(this.#agent !== undefined && { agent: this.#agent }),
    }
    return this.#events(await this.#api.stream('POST', '', { body, signal }))
  }

  async answer(
    _messageId: string,
    answers: readonly Answer[],
    signal: AbortSignal,
  ): Promise<Events> {
    for (const answer of answers) {
      const [path, body] = answerRequest(answer)
      await this.#api.json('POST', this.#path + path, { body, isAsync: true }).catch(unlessRefused)
    }
    // The message goes on in the log that it began in: behind what was read of it.
    const after = this.#cursor === undefined ? '' : `?after=${encodeURIComponent(this.#cursor)}`
    return this.#events(await this.#api.stream('GET', `${this.#path}/stream${after}`, { signal }))
  }

  async watch(signal: AbortSignal): Promise<Events | undefined> {
    const body = await this.#api.stream('GET', `${this.#path}/stream`, { signal })
    return body === undefined ? undefined : this.#events(body)
  }

  async running(): Promise<string | undefined> {
    const session = fieldsOf(await this.#session())
    const { state, turn } = session
    if (state !== 'running' && state !== 'waiting') return undefined
    return textField(turn, 'logId')
  }

  async stop(): Promise<void> {
    await this.#api.json('POST', `${this.#path}/stop`)
  }

  async messages(): Promise<UIMessage[]> {
    if ((await this.#session()) === undefined) return []
    const messages = await this.#api.json('GET', `${this.#path}/messages`)
    const { safeValidateUIMessages } = await import('ai')
    const read = await safeValidateUIMessages<UIMessage>({ messages })
    return read.success ? read.data : []
  }

  // The server keeps it.
  async save(): Promise<void> {}

  #events(body: ReadableStream<Uint8Array> | undefined): Events {
    if (body === undefined) throw new LoomError('gone', 'The answer is no longer on the server.')
    return readEvents(body, (cursor) => (this.#cursor = cursor))
  }

  async #session(): Promise<unknown> {
    try {
      return await this.#api.json('GET', this.#path)
    } catch (error) {
      // One that begins with the first message.
      if (error instanceof LoomError && error.code === 'not-found') return undefined
      throw error
    }
  }
}

/** Somebody else was faster, in a browser perhaps: what follows is the same for all. */
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

interface RequestOptions {
  body?: object
  signal?: AbortSignal
  /** Wait only until it is accepted. */
  isAsync?: boolean
}

/** What does not stream is over soon, or not at all. */
const replyMs = 30_000

class Api {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #resumable = resumableFetch()

  /** @throws LoomError `invalid-request` for an address that is none */
  constructor({ url, apiKey }: RemoteOptions) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new LoomError('invalid-request', `--url ${JSON.stringify(url)} is no http address.`)
    }
    this.#base = `${url.replace(/\/+$/, '').replace(/\/api(?:\/chat)?$/, '')}/api/chat`
    this.#headers = {
      'content-type': 'application/json',
      // What was printed cannot be taken back, so no chunk is wanted that withdraws a step.
      'x-loom-profile': 'v6',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    }
  }

  async json(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const response = await this.#request(method, path, {
      ...options,
      headers: {
        accept: 'application/json',
        ...(options.isAsync === true && { prefer: 'respond-async' }),
      },
      signal: AbortSignal.timeout(replyMs),
      fetch,
    })
    return response.status === 204 ? undefined : response.json()
  }

  async remove(id: string): Promise<boolean> {
    try {
      await this.json('DELETE', `/${encodeURIComponent(id)}`)
      return true
    } catch (error) {
      if (error instanceof LoomError && error.code === 'not-found') return false
      throw error
    }
  }

  /** Undefined where there is nothing to be read. */
  async stream(
    method: string,
    path: string,
    options: RequestOptions,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const response = await this.#request(method, path, {
      ...options,
      headers: { accept: 'text/event-stream' },
      fetch: this.#resumable,
    })
    return response.status === 204 ? undefined : (response.body ?? undefined)
  }

  async #request(
    method: string,
    path: string,
    {
      body,
      signal,
      headers,
      fetch: call,
    }: RequestOptions & { headers: Record<string, string>; fetch: typeof fetch },
  ): Promise<Response> {
    const response = await call(this.#base + path, {
      method,
      headers: { ...this.#headers, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    }).catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new LoomError('unavailable', `${this.#base} cannot be reached.`, { cause })
    })
    if (response.ok) return response
    throw await failureOf(response)
  }
}

const codes: Readonly<Record<number, LoomErrorCode>> = {
  401: 'unauthorized',
  404: 'not-found',
  409: 'refused',
  410: 'gone',
  429: 'mailbox-full',
  503: 'unavailable',
}

async function failureOf(response: Response): Promise<LoomError> {
  const text = await response.text().catch(() => '')
  const said = textField(fieldsOf(parsed(text))['error'], 'message') ?? text.slice(0, 500)
  const code = codes[response.status] ?? (response.status < 500 ? 'invalid-request' : 'internal')
  const hint = code === 'unauthorized' ? ' Set LOOM_API_KEY to one of its keys.' : ''
  return new LoomError(code, `The server says: ${said.trim() || response.status}${hint}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Plain text: it is shown as it is.
    return undefined
  }
}
