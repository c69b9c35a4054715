/**
 * Tool call ids that are unique in a conversation. Some servers count from `call_0` in every reply,
 * and a client that finds an id a second time writes over the first call's part. The calls that a
 * provider runs itself are kept here until their results come, which may be some steps later.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

/** A call that the provider runs itself, as the client knows it. */
export interface ProviderCall {
  toolCallId: string
  /** Undefined where an earlier run told the client of the call. */
  dynamic: boolean | undefined
}

export class CallIds {
  readonly #taken = new Set<string>()
  /** Ids of an earlier run's provider calls without a result: the provider may speak of them again. */
  readonly #unanswered = new Set<string>()
  /** This run's provider calls without a result. Two may share the provider's id. */
  #running: { id: string; call: ProviderCall }[] = []

  /** Ids of this run's provider calls with a preliminary result. */
  readonly #inProgress = new Set<string>()

  constructor(messages: readonly ModelMessage[]) {
    for (const message of messages) {
      if (message.role !== 'assistant' || typeof message.content === 'string') continue
      for (const part of message.content) {
        if (part.type === 'tool-call') this.#taken.add(part.toolCallId)
        if (part.type === 'tool-call' && part.providerExecuted === true) {
          this.#unanswered.add(part.toolCallId)
        }
        if (part.type === 'tool-result') this.#unanswered.delete(part.toolCallId)
      }
    }
  }

  /** Gives an id that is taken a new ending, and an empty one a name. */
  claim(id: string): string {
    const wanted = id === '' ? `call-${randomUUID()}` : id
    let free = wanted
    for (let count = 2; this.#taken.has(free); count++) free = `${wanted}-${count}`
    this.#taken.add(free)
    return free
  }

  /** As `claim`, for a call that the provider runs: one that it goes on with keeps its id. */
  claimOfProvider(id: string): string {
    return this.#unanswered.has(id) ? id : this.claim(id)
  }

  began(id: string, call: ProviderCall): void {
    this.#running.push({ id, call })
  }

  /** The provider's call of an id, or undefined if it never made it, or was answered before. */
  running(id: string): ProviderCall | undefined {
    const running = this.#running.find((running) => running.id === id)
    if (running !== undefined) return running.call
    return this.#unanswered.has(id) ? { toolCallId: id, dynamic: undefined } : undefined
  }

  progressed({ toolCallId }: ProviderCall): void {
    this.#inProgress.add(toolCallId)
  }

  /** True if the call has a preliminary result. */
  hasProgress({ toolCallId }: ProviderCall): boolean {
    return this.#inProgress.has(toolCallId)
  }

  answered({ toolCallId }: ProviderCall): void {
    this.#running = this.#running.filter(({ call }) => call.toolCallId !== toolCallId)
    this.#unanswered.delete(toolCallId)
  }

  /** Calls of this run that have no result, which are taken to be over. */
  takeUnanswered(): ProviderCall[] {
    const calls = this.#running.map(({ call }) => call)
    this.#running = []
    return calls
  }
}
