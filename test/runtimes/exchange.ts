/** The conversations that every runtime must serve: streams, a second reader, and clients that leave. */
import { expect } from 'vitest'

import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { firstPart, type Provider, secondPart } from './provider.ts'

export interface Place {
  /** The address of `streamAgent`. */
  answer: string
  /** The address of the sessions. */
  chat: string
}

const question = [
  { id: 'm', role: 'user', parts: [{ type: 'text', text: 'What is 6 times 7?' }] },
] as const

/** The answers of a runtime in which requests share nothing that is written meanwhile. */
export async function expectAnswers(place: Place, provider: Provider): Promise<void> {
  await streamsAnswer(place, provider)
  await streamsSession(place, provider)
  await abortsRun(place, provider)
  await reportsFault(place)
}

export async function expectConversations(place: Place, provider: Provider): Promise<void> {
  await streamsAnswer(place, provider)
  await streamsSession(place, provider, { hasSecondReader: true })
  await abortsRun(place, provider)
  await continuesTurn(place, provider)
  await reportsFault(place)
}

async function streamsAnswer({ answer }: Place, provider: Provider): Promise<void> {
  const release = provider.hold()
  const reader = await Reader.of(post(answer, { messages: question }))
  await reader.until(firstPart)
  release()
  expectWhole(await reader.rest())
}

/** The client that posted and a second one read the same answer while it is written. */
async function streamsSession(
  { chat }: Place,
  provider: Provider,
  { hasSecondReader = false } = {},
): Promise<void> {
  const release = provider.hold()
  const first = await Reader.of(post(chat, { id: 'one', messages: question }))
  await first.until(firstPart)
  const second = hasSecondReader ? await Reader.of(fetch(`${chat}/one/stream`)) : undefined
  await second?.until(firstPart)
  release()
  expectWhole(await first.rest())
  if (second !== undefined) expectWhole(await second.rest())
  expect(await (await fetch(`${chat}/one/messages`)).text()).toContain(secondPart)
}

/** `streamAgent` has no session, so the run ends with its client. */
async function abortsRun({ answer }: Place, provider: Provider): Promise<void> {
  const release = provider.hold()
  const before = provider.cuts()
  await leave((signal) => post(answer, { messages: question }, signal))
  await until(20_000, 'the end of the call to the provider', () => provider.cuts() > before)
  release()
}

async function continuesTurn({ chat }: Place, provider: Provider): Promise<void> {
  const release = provider.hold()
  await leave((signal) => post(chat, { id: 'two', messages: question }, signal))
  release()
  await until(20_000, 'the answer whose client has left', async () => {
    const messages = await (await fetch(`${chat}/two/messages`)).text()
    return messages.includes(secondPart)
  })
}

async function reportsFault({ chat }: Place): Promise<void> {
  const response = await post(chat, { id: 'three' })
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({
    error: {
      code: 'invalid-request',
      message: 'The body needs messages, a list, or message.',
    },
  })
}

export function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json' },
    body: JSON.stringify(body),
    ...(signal !== undefined && { signal }),
  })
}

/** Leaves a stream in the middle of its answer. */
async function leave(request: (signal: AbortSignal) => Promise<Response>): Promise<void> {
  const client = new AbortController()
  const reader = await Reader.of(request(client.signal))
  await reader.until(firstPart)
  client.abort()
}

function expectWhole(text: string): void {
  expect(text).toContain('"output":42')
  expect(text).toContain(secondPart)
  expect(text.trimEnd()).toMatch(/data: \[DONE\]$/)
}

/** Reads a stream piece by piece. */
class Reader {
  readonly #pieces: AsyncIterator<string, unknown>
  #text = ''

  private constructor(response: Response) {
    if (response.body === null) throw new Error('The response has no body.')
    this.#pieces = response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  }

  static async of(promise: Promise<Response>): Promise<Reader> {
    const response = await within(30_000, 'the head of the response', promise)
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    return new Reader(response)
  }

  async until(part: string): Promise<void> {
    const read = async () => {
      while (!this.#text.includes(part)) {
        if (!(await this.#next())) throw new Error(`The stream has ended: ${this.#text}`)
      }
    }
    await within(30_000, `"${part}" in the stream`, read())
  }

  /** Returns the whole text. */
  async rest(): Promise<string> {
    const read = async () => {
      while (await this.#next());
      return this.#text
    }
    return within(30_000, 'the end of the stream', read())
  }

  async #next(): Promise<boolean> {
    const { value, done } = await this.#pieces.next()
    if (done !== true) this.#text += value
    return done !== true
  }
}
