/**
 * One client behind a load balancer. It asks message after message, reads each answer word by word, and
 * resumes a broken stream at once. Every response that is not a stream counts as an error.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { eventBlocks } from '../event-blocks.ts'

export interface ConversationOptions {
  /** The address of the balancer. */
  url: string
  key: string
  /** The words of each answer. */
  words: number
  /** Ends the conversation after the answer that runs. */
  ending: AbortSignal
  /** Ends the conversation at once. */
  leaving: AbortSignal
}

export interface ConversationReport {
  chatId: string
  /** The text of each answer, as it came. */
  answers: string[]
  /** What was wrong: statuses, broken requests, and connections without a first byte. */
  errors: string[]
  resumes: number
  /** Answers that more than one instance wrote. */
  moved: number
  /** Every time without a word, from a message to the end of its answer. */
  gaps: Gap[]
}

export interface Gap {
  ms: number
  /** The time of the word that ended it, as of `performance.now()`. */
  at: number
  /** `first`: before the first word of an answer. `moved`: between words of two instances. */
  kind: 'first' | 'moved' | 'usual'
}

export interface Conversation {
  /** True after the first word. */
  readonly isLive: boolean
  readonly report: Promise<ConversationReport>
}

/** The answer of `paced-agent.mjs` to a message. */
export const answerTo = (turn: number, words: number): string =>
  Array.from({ length: words }, (_, index) => `${turn}.${index} `).join('')

export function converse(options: ConversationOptions): Conversation {
  const client = new Client(options)
  const report = client.run()
  // If the test fails elsewhere, no code awaits this promise.
  report.catch(() => {})
  return {
    report,
    get isLive() {
      return client.isLive
    },
  }
}

class Client {
  isLive = false
  readonly #options: ConversationOptions
  readonly #report: ConversationReport
  readonly #headers: Record<string, string>
  #cursor = ''
  #isDone = false
  #answer = ''
  /** What came of the answer, for the report of a wrong one. */
  #heard: string[] = []
  /** The claims of the instances that wrote the answer. */
  #claims = new Set<string>()
  #heardAt = 0
  /** The claim of the instance that wrote the last word. Empty before the first word. */
  #wordClaim = ''

  constructor(options: ConversationOptions) {
    this.#options = options
    this.#headers = { authorization: `Bearer ${options.key}` }
    this.#report = {
      chatId: randomUUID(),
      answers: [],
      errors: [],
      resumes: 0,
      moved: 0,
      gaps: [],
    }
  }

  async run(): Promise<ConversationReport> {
    const { ending } = this.#options
    for (let turn = 0; turn === 0 || !ending.aborted; turn++) await this.#ask(turn)
    return this.#report
  }

  async #ask(turn: number): Promise<void> {
    const { url, words } = this.#options
    const { chatId, answers } = this.#report
    this.#cursor = ''
    this.#isDone = false
    this.#answer = ''
    this.#heard = []
    this.#claims = new Set()
    this.#wordClaim = ''
    this.#heardAt = performance.now()
    const parts = [{ type: 'text', text: `turn ${turn} words ${words}` }]
    const message = { id: `${chatId}-${turn}`, role: 'user', parts }
    const body = JSON.stringify({ id: chatId, messages: [message] })
    await this.#read(`${url}/api/chat`, { method: 'POST', body })
    while (!this.#isDone) {
      this.#report.resumes++
      this.#heard.push(`resumed after ${this.#cursor}`)
      await this.#read(`${url}/api/chat/${chatId}/stream`, {}, { 'last-event-id': this.#cursor })
    }
    answers.push(this.#answer)
    if (this.#claims.size > 1) this.#report.moved++
    if (this.#answer !== answerTo(turn, words)) {
      this.#report.errors.push(`a wrong answer in ${chatId}: ${this.#heard.join(' | ')}`)
    }
  }

  /** Reads a response until it ends or breaks. Repeats a request that gets no stream. */
  async #read(url: string, request: RequestInit, more: Record<string, string> = {}): Promise<void> {
    const { leaving: signal } = this.#options
    const headers = { ...this.#headers, ...more }
    for (;;) {
      const response = await fetch(url, { ...request, headers, signal }).catch(String)
      signal.throwIfAborted()
      if (typeof response !== 'string' && response.status === 200) {
        await this.#take(response).catch(() => signal.throwIfAborted())
        return
      }
      const said =
        typeof response === 'string' ? response : `${response.status} ${await response.text()}`
      this.#report.errors.push(`${request.method ?? 'GET'}: ${said}`)
      await delay(50, undefined, { signal })
    }
  }

  async #take(response: Response): Promise<void> {
    for await (const block of eventBlocks(response)) this.#hear(block)
  }

  #hear(block: string): void {
    this.#heard.push(block.replaceAll('\n', ' '))
    const id = /^id: ?(.*)$/m.exec(block)?.[1]
    const data = /^data: ?(.*)$/m.exec(block)?.[1]
    if (data === undefined) return
    if (id !== undefined) {
      this.#cursor = id
      this.#claims.add(id.split('-', 1)[0] ?? '')
    }
    if (data === '[DONE]') {
      this.#isDone = true
      return
    }
    const { type, delta, errorText } = JSON.parse(data)
    if (type === 'error') this.#report.errors.push(`event: ${errorText}`)
    if (type !== 'text-delta') return
    const now = performance.now()
    const [claim = ''] = this.#cursor.split('-', 1)
    const isSame = claim === this.#wordClaim
    const kind = this.#wordClaim === '' ? 'first' : isSame ? 'usual' : 'moved'
    this.#report.gaps.push({ ms: now - this.#heardAt, at: now, kind })
    this.#wordClaim = claim
    this.#heardAt = now
    this.#answer += delta
    this.isLive = true
  }
}
