/**
 * One client behind a load balancer. It asks for a long answer and resumes it at once if its
 * connection breaks. It counts every refused resume and measures the longest silence between two
 * words.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { eventBlocks } from './event-blocks.ts'

export interface LongAnswer {
  readonly chatId: string
  /** Settles with the outcome when the whole answer has arrived. */
  readonly done: Promise<Outcome>
  /** Words so far. */
  readonly words: number
}

export interface Outcome {
  /** True if the client has each word of the answer once, in order. */
  isWhole: boolean
  resumes: number
  /** Statuses of resumes that were not 200, and errors of connections. */
  refusals: string[]
  /** The longest time between two pieces of the answer, in milliseconds. */
  longestGapMs: number
}

export interface Ask {
  /** The address of the balancer. */
  url: string
  key: string
  /** The number of words in the answer. The demo model sends such a word in 40 ms. */
  words: number
  signal: AbortSignal
}

/** More than the demo model takes for a word, in milliseconds. */
const wordMs = 40

/** Returns the number of words of an answer that lasts this time in milliseconds. */
export const wordsIn = (ms: number): number => Math.ceil(ms / wordMs)

export function askLong({ url, key, words, signal }: Ask): LongAnswer {
  const chatId = randomUUID()
  const text = Array.from({ length: words }, (_, index) => `word-${index + 100_000}`).join(' ')
  const reading = new Reading(text)
  const authorization = `Bearer ${key}`
  const chat = `${url}/api/chat`
  const read = async () => {
    const body = JSON.stringify({ id: chatId, message: text })
    let response = await fetch(chat, { method: 'POST', body, headers: { authorization }, signal })
    if (response.status !== 200)
      throw new Error(`POST: ${response.status} ${await response.text()}`)
    for (;;) {
      await reading.take(response).catch((error: unknown) => {
        if (signal.aborted) throw error
      })
      if (reading.isDone) return reading.outcome
      response = await resume()
    }
  }
  const resume = async (): Promise<Response> => {
    for (;;) {
      reading.resumes++
      const headers = { authorization, 'last-event-id': reading.cursor }
      const response = await fetch(`${chat}/${chatId}/stream`, { headers, signal }).catch(
        (error: unknown) => String(error),
      )
      signal.throwIfAborted()
      if (typeof response !== 'string' && response.status === 200) return response
      reading.refusals.push(typeof response === 'string' ? response : String(response.status))
      if (typeof response !== 'string') await response.body?.cancel()
      // The pause of a client between two attempts.
      await delay(50, undefined, { signal })
    }
  }
  const done = read()
  // If the test fails elsewhere, no code awaits this promise.
  done.catch(() => {})
  return {
    chatId,
    done,
    get words() {
      return reading.words
    },
  }
}

/** The text so far, over all connections. */
class Reading {
  readonly refusals: string[] = []
  resumes = 0
  cursor = ''
  isDone = false
  readonly #wanted: string
  #text = ''
  #heardAt: number | undefined
  #longestGapMs = 0

  constructor(wanted: string) {
    this.#wanted = wanted
  }

  get words(): number {
    return this.#text === '' ? 0 : this.#text.split(' ').length
  }

  get outcome(): Outcome {
    return {
      isWhole: this.#text.trim() === this.#wanted,
      resumes: this.resumes,
      refusals: this.refusals,
      longestGapMs: Math.round(this.#longestGapMs),
    }
  }

  /**
   * Reads a response to its end.
   * @throws Error if the connection breaks
   */
  async take(response: Response): Promise<void> {
    for await (const block of eventBlocks(response)) this.#hear(block)
  }

  #hear(block: string): void {
    const id = /^id: ?(.*)$/m.exec(block)?.[1]
    const data = /^data: ?(.*)$/m.exec(block)?.[1]
    if (data === undefined) return
    if (id !== undefined) this.cursor = id
    if (data === '[DONE]') {
      this.isDone = true
      return
    }
    const { type, delta }: { type?: string; delta?: string } = JSON.parse(data)
    if (type !== 'text-delta' || delta === undefined) return
    const now = performance.now()
    this.#longestGapMs = Math.max(this.#longestGapMs, now - (this.#heardAt ?? now))
    this.#heardAt = now
    this.#text += delta
  }
}
