/**
 * Tool call ids that are unique in a conversation. Some servers count from `call_0` in every reply,
 * and a client overwrites the part of the first call if an id comes a second time. Provider-executed
 * calls stay here until their results arrive, which can be some steps later.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

/** A provider-executed call, as the client received it. */
export interface ProviderCall {
  toolCallId: string
  /** Undefined if an earlier run sent the call to the client. */
  dynamic: boolean | undefined
}

export class CallIds {
  readonly #taken = new Set<string>()
  /** Ids of an earlier run's provider calls without a result: a later reply may still hold the result. */
  readonly #unanswered = new Set<string>()
  /** This run's provider calls without a result. Two calls may have the same id from the provider. */
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

  /** Returns a free id: a taken id gets a suffix, and an empty id gets a random one. */
  claim(id: string): string {
    const wish = id === '' ? `call-${randomUUID()}` : id
    let free = wish
    for (let count = 2; this.#taken.has(free); count++) free = `${wish}-${count}`
    this.#taken.add(free)
    return free
  }

  /** Like `claim`, for a provider-executed call. A call of an earlier run that continues keeps its id. */
  claimOfProvider(id: string): string {
    return this.#unanswered.has(id) ? id : this.claim(id)
  }

  addRunning(id: string, call: ProviderCall): void {
    this.#running.push({ id, call })
  }

  /** The provider's call with this id; undefined if there was no such call or it has its result. */
  running(id: string): ProviderCall | undefined {
    const running = this.#running.find((running) => running.id === id)
    if (running !== undefined) return running.call
    return this.#unanswered.has(id) ? { toolCallId: id, dynamic: undefined } : undefined
  }

  addProgress({ toolCallId }: ProviderCall): void {
    this.#inProgress.add(toolCallId)
  }

  /** Whether the call has a preliminary result. */
  hasProgress({ toolCallId }: ProviderCall): boolean {
    return this.#inProgress.has(toolCallId)
  }

  remove({ toolCallId }: ProviderCall): void {
    this.#running = this.#running.filter(({ call }) => call.toolCallId !== toolCallId)
    this.#unanswered.delete(toolCallId)
  }

  /** Removes and returns the calls of this run without a result, at the end of the run. */
  takeUnanswered(): ProviderCall[] {
    const calls = this.#running.map(({ call }) => call)
    this.#running = []
    return calls
  }
}
