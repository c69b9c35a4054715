/**
 * Plays a conversation with a client and waits for all effects of each action. A client that sends
 * automatically does so after the promise of the action has settled.
 */
import { expect, vi } from 'vitest'

import { stopChat } from '../../src/client.ts'
import type { Profile } from '../../src/wire/frames.ts'
import type { Chat, ChatMessage, ChatOptions, NewMessage } from './chat-client.ts'
import { openRecorder } from './live-server.ts'
import type { Recorder } from './live-server.ts'
import { plainMessages } from './plain.ts'

interface More {
  /** The index of the call among the tool's calls in the message. @defaultValue 0 */
  index?: number
  /** The final error of the client. */
  error?: RegExp
}

/** Opens a new client of a server, with or without a declared profile. */
export function openPlayer<CHAT extends Chat>(
  sdk: { open: (options: ChatOptions) => CHAT },
  api: string,
  profile?: Profile,
) {
  const recorder = openRecorder()
  const { fetch, decided } = recorder
  const query = profile === undefined ? '' : `?profile=${profile}`
  const chat = sdk.open({ api: api + query, fetch, decided })
  return { player: new Player(chat, recorder, api), chat, exchanges: recorder.exchanges }
}

/** For `vi.waitFor`. */
export const wait = { timeout: 30_000, interval: 2 }

export class Player {
  readonly #chat: Chat
  readonly #recorder: Recorder
  readonly #api: string
  /** The messages after every turn, by the name of the turn. */
  readonly seen: Record<string, unknown> = {}

  constructor(chat: Chat, recorder: Recorder, api: string) {
    this.#chat = chat
    this.#recorder = recorder
    this.#api = api
  }

  get last(): ChatMessage {
    const last = this.#chat.messages.at(-1)
    if (last === undefined) throw new Error('there is no message yet')
    return last
  }

  get parts(): readonly Readonly<Record<string, unknown>>[] {
    return this.last.parts.map((part) => ({ ...part }))
  }

  /** The parts of a tool in the last message, in order. */
  toolParts(name: string) {
    return this.parts.filter(({ type, toolName }) => type === `tool-${name}` || toolName === name)
  }

  async say(turn: string, message: NewMessage, posts = 1): Promise<void> {
    await this.act(turn, posts, () => this.#chat.sendMessage(message))
  }

  /** Plays an action with exactly this number of requests, and expects success or an error. */
  async act(turn: string, posts: number, action: () => unknown, error?: RegExp): Promise<void> {
    await this.#act(turn, posts, action, () => {
      if (error === undefined) {
        expect(this.#chat.status, `status after "${turn}": ${this.#chat.error}`).toBe('ready')
        expect(this.#recorder.rests, `the client rests after "${turn}"`).toBe(true)
      } else {
        expect(this.#chat.error?.message).toMatch(error)
        expect(this.#chat.status).toBe('error')
      }
    })
  }

  async #act(turn: string, posts: number, action: () => unknown, end: () => void): Promise<void> {
    const { exchanges } = this.#recorder
    const before = exchanges.length
    await action()
    await vi.waitFor(end, wait)
    expect(exchanges.length - before, `requests of "${turn}"`).toBe(posts)
    this.seen[turn] = plainMessages(this.#chat.messages)
  }

  async fail(turn: string, message: NewMessage, error: RegExp): Promise<void> {
    await this.act(turn, 1, () => this.#chat.sendMessage(message), error)
  }

  /** Stops an answer after this text has arrived, first in the client and then on the server. */
  async stop(turn: string, message: NewMessage, seen: string): Promise<void> {
    const leave = async () => {
      const sending = this.#chat.sendMessage(message)
      await vi.waitFor(() => expect(JSON.stringify(this.last.parts)).toContain(seen), wait)
      await this.#chat.stop()
      await sending
      const { id = '' } = this.#recorder.exchanges.at(-1)?.posted ?? {}
      expect(await stopChat(this.#api, id)).toBe(true)
    }
    await this.#act(turn, 1, leave, () => expect(this.#chat.status).toBe('ready'))
  }

  /** Regenerates the last message, or the one at an index. The messages after it are removed. */
  async regenerate(turn: string, index = -1): Promise<void> {
    const { id = '' } = this.#chat.messages.at(index) ?? {}
    await this.act(turn, 1, () => this.#chat.regenerate(index === -1 ? {} : { messageId: id }))
    expect(
      this.#chat.messages.map((message) => message.id),
      'the old answer is gone',
    ).not.toContain(id)
  }

  /** Replaces the last user message. */
  async edit(turn: string, text: string): Promise<void> {
    const message = this.#chat.messages.findLast(({ role }) => role === 'user')
    const messageId = message?.id ?? ''
    await this.act(turn, 1, () => this.#chat.sendMessage({ text, messageId }))
    expect(this.#chat.messages.filter(({ id }) => id === messageId)).toHaveLength(1)
  }

  /** An answer of the client to one of its calls. With `posts`, the turn continues. */
  async answer(turn: string, posts: number, output: string, more: More = {}) {
    const toolCallId = this.#callId('ask', more.index)
    const tool = 'ask'
    const { id } = this.last
    const answer = () => this.#chat.addToolOutput({ tool, toolCallId, output })
    await this.act(turn, posts, answer, more.error)
    expect(this.last.id, 'the same message continues').toBe(id)
  }

  async refuse(turn: string, posts: number, errorText: string, more: More = {}) {
    const toolCallId = this.#callId('ask', more.index)
    const error = { tool: 'ask', toolCallId, state: 'output-error' as const, errorText }
    await this.act(turn, posts, () => this.#chat.addToolResult(error))
  }

  async decide(turn: string, posts: number, approved: boolean, more: More = {}) {
    const { approval } = this.toolParts('remove')[more.index ?? 0] ?? {}
    const { id } = Object(approval)
    const message = this.last.id
    const answer = { id, approved, ...(!approved && { reason: 'I need that file.' }) }
    await this.act(turn, posts, () => this.#chat.addToolApprovalResponse?.(answer), more.error)
    expect(this.last.id, 'the same message continues').toBe(message)
  }

  #callId(tool: string, index = 0): string {
    return String(this.toolParts(tool)[index]?.['toolCallId'])
  }
}
