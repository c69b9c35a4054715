/**
 * A page with a chat of one AI SDK, from the view of its user: it posts messages, answers calls, and
 * waits for the expected parts. It can be reloaded at any moment.
 */
import { expect } from 'vitest'

import type { Profile } from '../../src/wire/frames.ts'
import type { ChatMessage, ChatSdk, LoadedChat, NewMessage } from '../clients/chat-client.ts'
import { plainMessage, plainMessages } from '../clients/plain.ts'
import { until } from '../redis/until.ts'

export interface ChatPageOptions {
  api: string
  fetch?: typeof globalThis.fetch
  profile?: Profile | undefined
  id?: string
  messages?: readonly ChatMessage[]
}

type Part = Readonly<Record<string, unknown>>

export class ChatPage {
  readonly chat: LoadedChat
  readonly #options: ChatPageOptions
  readonly #sdk: ChatSdk
  /** Whether the client decided, after the last part, to send nothing automatically. */
  #rests = true
  #isLeft = false

  constructor(sdk: ChatSdk, options: ChatPageOptions) {
    const { api, profile, fetch = globalThis.fetch, id, messages = [] } = options
    this.#sdk = sdk
    this.#options = options
    this.chat = sdk.open({
      api: profile === undefined ? api : `${api}?profile=${profile}`,
      fetch: (input, init) => {
        if (init?.method === 'POST') this.#rests = false
        return fetch(input, init)
      },
      decided: (sends) => (this.#rests = !sends),
      id,
      messages,
    })
  }

  /** Without ids and times. */
  get shown(): unknown {
    return plainMessages(this.chat.messages)
  }

  /** The last message, without its id and times. */
  get answer(): object {
    return { ...plainMessage(this.chat.messages.at(-1) ?? { id: '', parts: [] }), id: 'message' }
  }

  get parts(): readonly Part[] {
    const last = this.chat.messages.at(-1)
    return last?.role === 'assistant' ? last.parts.map((part) => ({ ...part })) : []
  }

  callPart(toolCallId: string): Part | undefined {
    return this.parts.find((part) => part['toolCallId'] === toolCallId)
  }

  /** Closes the page without a request, and loads the chat from the server. */
  async reload(more: Partial<ChatPageOptions> = {}): Promise<ChatPage> {
    this.#isLeft = true
    await this.chat.stop()
    return this.loadAgain(more)
  }

  /** The same chat on another page. */
  async loadAgain(more: Partial<ChatPageOptions> = {}): Promise<ChatPage> {
    const { id } = this.chat
    const response = await fetch(`${this.#options.api}/${encodeURIComponent(id)}/messages`)
    expect(response.status).toBe(200)
    const messages: ChatMessage[] = JSON.parse(await response.text())
    return new ChatPage(this.#sdk, { ...this.#options, ...more, id, messages })
  }

  async say(message: NewMessage | string): Promise<void> {
    await this.chat.sendMessage(typeof message === 'string' ? { text: message } : message)
    await this.#until('the answer', () => this.parts.length > 0)
  }

  /** Waits until the message has that open call, or ends in that text. */
  async sees(what: { call: string } | { text: string }): Promise<void> {
    await this.#until(`to see ${JSON.stringify(what)}`, () => {
      if ('text' in what) {
        const last = this.parts.findLast(({ type }) => type === 'text')
        return String(last?.['text']).endsWith(what.text) && last?.['state'] === 'done'
      }
      const state = this.callPart(what.call)?.['state']
      return state === 'input-available' || state === 'approval-requested'
    })
  }

  async tell(toolCallId: string, output: string): Promise<void> {
    await this.chat.addToolOutput({ tool: 'ask', toolCallId, output })
  }

  async decide(toolCallId: string, approved: boolean): Promise<void> {
    const { approval } = this.callPart(toolCallId) ?? {}
    const { id } = Object(approval)
    const reason = approved ? {} : { reason: 'I need that file.' }
    await this.chat.addToolApprovalResponse?.({ id, approved, ...reason })
  }

  /** Waits until the turn is done and the client is idle. */
  async #until(label: string, holds: () => boolean): Promise<void> {
    await until(10_000, label, () => {
      if (this.#isLeft) throw new Error('the page was left')
      if (this.chat.status === 'error') throw this.chat.error ?? new Error('no error is told')
      return this.chat.status === 'ready' && this.#rests && holds()
    })
  }
}

/** Plays a turn of `askingTurn` from the current state of the page. */
export async function playAsking(page: ChatPage, approves: boolean): Promise<void> {
  await page.sees({ call: 'call-a' })
  await page.tell('call-a', 'here')
  await page.sees({ call: 'call-x' })
  await playSecondQuestion(page, approves)
}

export async function playSecondQuestion(page: ChatPage, approves: boolean): Promise<void> {
  if (approves) {
    await page.decide('call-x', true)
    await page.decide('call-y', false)
  } else await page.tell('call-x', 'yes')
  await page.sees({ text: 'Done — at last.' })
}
