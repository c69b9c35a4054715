/**
 * The answers that an editor shows. Two readers receive the events of an answer: its prompt, and the follower of the
 * conversation. The first one that sees the start of an answer shows it.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { SessionUpdate } from '@agentclientprotocol/sdk'

import type { AgentEvent } from '../../event.ts'
import { MessageUpdates } from './updates.ts'

export type EventReader = 'prompt' | 'follower'

interface ShownMessage {
  by: EventReader
  updates: MessageUpdates
  /** Whether a prompt of this editor reads it. */
  isOfPrompt: boolean
  /** The number of its events, and of its ends, that each reader has seen. */
  seen: Record<EventReader, number>
  ends: Record<EventReader, number>
}

export interface ShownMessagesOptions {
  directory: string | undefined
  send: (update: SessionUpdate) => Promise<void>
}

export class ShownMessages {
  readonly #options: ShownMessagesOptions
  readonly #messages = new Map<string, ShownMessage>()
  readonly #current: Record<EventReader, string> = { prompt: '', follower: '' }
  /** The events of the current message that the follower reads again. */
  #again = 0
  #isAgain = false
  #written: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<() => void>()

  constructor(options: ShownMessagesOptions) {
    this.#options = options
  }

  /** Resolves when the editor has taken all updates. */
  get written(): Promise<void> {
    return this.#written
  }

  send(update: SessionUpdate): Promise<void> {
    this.#written = this.#written.then(() => this.#options.send(update))
    return this.#written
  }

  /** Shows a text in the answer. */
  say(messageId: string, text: string): Promise<void> {
    const content = { type: 'text' as const, text }
    return this.send({ sessionUpdate: 'agent_message_chunk', messageId, content })
  }

  /** The follower begins again: the answer that runs comes from its start. */
  beginAgain(): void {
    this.#isAgain = true
  }

  add(by: EventReader, event: AgentEvent): void {
    if (event.type === 'start') this.#begin(by, event.messageId ?? '')
    const message = this.#messages.get(this.#current[by])
    if (message === undefined) return
    if (by === 'follower' && this.#again > 0) {
      this.#again--
      return
    }
    message.seen[by]++
    if (event.type === 'finish') message.ends[by]++
    if (message.by === by) for (const update of message.updates.of(event)) void this.send(update)
    if (event.type === 'finish') for (const check of this.#waiting) check()
  }

  #begin(by: EventReader, messageId: string): void {
    this.#current[by] = messageId
    const known = this.#messages.get(messageId)
    const message = known ?? {
      by,
      updates: new MessageUpdates(messageId, this.#options.directory),
      isOfPrompt: false,
      seen: { prompt: 0, follower: 0 },
      ends: { prompt: 0, follower: 0 },
    }
    this.#messages.set(messageId, message)
    if (by === 'prompt') message.isOfPrompt = true
    else if (this.#isAgain) {
      this.#isAgain = false
      this.#again = message.seen.follower
    }
  }

  /** Whether the follower has read as many ends of an answer as its prompt. */
  isRead(messageId: string): boolean {
    const message = this.#messages.get(messageId)
    return message !== undefined && message.ends.follower >= message.ends.prompt
  }

  /** The follower shows the rest of an answer. */
  giveToFollower(messageId: string): void {
    const message = this.#messages.get(messageId)
    if (message !== undefined) message.by = 'follower'
  }

  isOfPrompt(messageId: string): boolean {
    return this.#messages.get(messageId)?.isOfPrompt === true
  }

  /** Waits until the reader that shows an answer has shown as much of it as its prompt has read. */
  async untilShown(messageId: string, limitMs: number): Promise<void> {
    const message = this.#messages.get(messageId)
    if (message === undefined || message.by === 'prompt') return this.#written
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = () => {
      if (message.ends.follower >= message.ends.prompt) resolve()
    }
    this.#waiting.add(check)
    check()
    await Promise.race([promise, delay(limitMs, undefined, { ref: false })])
    this.#waiting.delete(check)
    return this.#written
  }
}
