import { readFile, readdir } from 'node:fs/promises'

import { readUIMessageStream, safeValidateUIMessages } from 'ai'
import type { UIMessage, UIMessageChunk } from 'ai'
import { describe, expect, it } from 'vitest'

interface Reading {
  message: UIMessage
  end: string | null
  error: string | null
}

interface PageEvent {
  id?: string
  chunk?: UIMessageChunk
  done?: boolean
}

/** The reader of the page is JavaScript without types, because browsers run it unchanged. */
interface PlaygroundStream {
  eventsOf: (body: ReadableStream<Uint8Array>) => AsyncGenerator<PageEvent>
}

interface PlaygroundReading {
  openReading: (message: unknown) => Reading
  applyChunk: (reading: Reading, chunk: unknown) => void
  closeReading: (reading: Reading) => void
}

const folder = new URL('../web/', import.meta.url)

// The type of these imports is `any`: TypeScript has not read the files.
const { eventsOf }: PlaygroundStream = await import(new URL('playground-stream.js', folder).href)
const page: PlaygroundReading = await import(new URL('playground-reading.js', folder).href)

describe("the playground's reader", () => {
  it.each(Object.entries(answers()))(
    'builds the message that the AI SDK builds: %s',
    async (_, chunks) => {
      const theirs = await messageOfSdk(chunks)
      expect(plain(messageOfPage(chunks))).toEqual(plain(theirs))
    },
  )

  it.each(Object.entries(answers()))(
    'builds messages that a server accepts again: %s',
    async (_, chunks) => {
      const messages = [messageOfPage(chunks)]
      expect(await safeValidateUIMessages({ messages: plain(messages) })).toMatchObject({
        success: true,
      })
    },
  )

  it.each([
    [true, approved],
    [false, denied],
  ])('continues the message after a decision: %s', async (decision, chunks) => {
    const before = messageOfPage(asking)
    for (const part of before.parts) {
      if (!('approval' in part) || part.state !== 'approval-requested') continue
      const approval = { ...part.approval, approved: decision }
      Object.assign(part, { state: 'approval-responded', approval })
    }
    const theirs = await messageOfSdk(chunks, structuredClone(before))
    const ours = messageOfPage(chunks, before)
    expect(plain(ours)).toEqual(plain(theirs))
    expect(await safeValidateUIMessages({ messages: plain([ours]) })).toMatchObject({
      success: true,
    })
  })

  it.each([1, 2, 3, 7, 64, 100_000])('reads frames in pieces of %i bytes', async (size) => {
    const frames = speaking.map(
      (chunk, index) => `id: ${index}\r\ndata: ${JSON.stringify(chunk)}\r\n\r\n`,
    )
    const text = `: stream-open\n\n${frames.join(': keep-alive\n\n')}data: [DONE]\n\n`
    expect(await eventsIn(text, size)).toEqual([
      ...speaking.map((chunk, index) => ({ id: String(index), chunk })),
      { done: true },
    ])
  })

  it('joins lines of a frame and drops incomplete frames', async () => {
    const text = 'data: {"type":\ndata:"start"}\n\ndata: {"type":"finish"}\n'
    expect(await eventsIn(text, 5)).toEqual([{ chunk: { type: 'start' } }])
  })

  it('reports the end of the answer', () => {
    const endOf = (chunks: readonly UIMessageChunk[]) => readingOf(chunks).end
    expect(endOf(speaking)).toBe('finish')
    expect(endOf(speaking.slice(0, -1))).toBeNull()
    expect(endOf([{ type: 'start' }, { type: 'abort' }, { type: 'finish' }])).toBe('abort')
    const failed = readingOf([
      { type: 'error', errorText: 'The model is down.' },
      { type: 'finish' },
    ])
    expect(failed).toMatchObject({ end: 'error', error: 'The model is down.' })
  })

  it('reads a continued message to its second end', () => {
    const reading = readingOf([...asking, { type: 'start', messageId: 'm2' }])
    expect(reading.end).toBeNull()
    for (const chunk of approved) page.applyChunk(reading, structuredClone(chunk))
    expect(reading.end).toBe('finish')
  })

  it('ignores unknown chunks', () => {
    const reading = readingOf(speaking)
    const before = plain(reading.message)
    page.applyChunk(reading, { type: 'from-the-future', what: 1 })
    page.applyChunk(reading, { type: 'text-delta', id: 'never opened', delta: 'x' })
    page.applyChunk(reading, { type: 'tool-output-available', toolCallId: 'unknown', output: 1 })
    expect(plain(reading.message)).toEqual(before)
  })
})

describe("the playground's files", () => {
  it('contain no inline code and parse no text as markup', async () => {
    const names = await readdir(folder)
    expect(names).toContain('playground.js')
    for (const name of names) {
      const text = await readFile(new URL(name, folder), 'utf8')
      expect(text, name).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/,
      )
      expect(text, name).not.toMatch(/\son[a-z]+="|<style|style="|javascript:/)
      for (const [, attributes, body] of text.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)) {
        expect(attributes, name).toContain('src=')
        expect(body, name).toBe('')
      }
    }
  })

  it('load only existing files of this server', async () => {
    const names = await readdir(folder)
    for (const name of names) {
      const text = await readFile(new URL(name, folder), 'utf8')
      const imported = [
        ...text.matchAll(/(?:from|src=|href=)\s*["'](?:\.\/)?([\w.-]+\.(?:js|css))["']/g),
      ]
      for (const [, file] of imported) expect(names, name).toContain(file)
      expect(text, name).not.toMatch(/(?:src|href|from|import|url\()\s*[=(]?\s*["']?https?:/)
    }
  })
})

function readingOf(chunks: readonly UIMessageChunk[], message?: UIMessage): Reading {
  const reading = page.openReading(message ?? { id: 'client', role: 'assistant', parts: [] })
  for (const chunk of chunks) page.applyChunk(reading, structuredClone(chunk))
  return reading
}

function messageOfPage(chunks: readonly UIMessageChunk[], message?: UIMessage): UIMessage {
  const reading = readingOf(chunks, message)
  page.closeReading(reading)
  return reading.message
}

async function messageOfSdk(
  chunks: readonly UIMessageChunk[],
  message?: UIMessage,
): Promise<UIMessage | undefined> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(structuredClone(chunk))
      controller.close()
    },
  })
  let last: UIMessage | undefined
  for await (const state of readUIMessageStream({ stream, ...(message && { message }) }))
    last = state
  return last
}

/** The posted form, without undefined fields. */
function plain<VALUE>(value: VALUE): VALUE {
  const json: VALUE = JSON.parse(JSON.stringify(value))
  return json
}

async function eventsIn(text: string, size: number): Promise<PageEvent[]> {
  const events: PageEvent[] = []
  for await (const event of eventsOf(bytesIn(text, size))) events.push(event)
  return events
}

function bytesIn(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + size))
      at += size
    },
  })
}

const call = { toolCallId: 'call-1', toolName: 'delete_file' }

const asking: UIMessageChunk[] = [
  { type: 'start', messageId: 'm2' },
  { type: 'start-step' },
  { type: 'tool-input-start', ...call },
  { type: 'tool-input-available', ...call, input: { path: 'a' } },
  { type: 'tool-approval-request', approvalId: 'a1', toolCallId: 'call-1' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'tool-calls' },
]

const approved: UIMessageChunk[] = [
  { type: 'start', messageId: 'm2' },
  { type: 'tool-output-available', toolCallId: 'call-1', output: { deleted: true } },
  { type: 'start-step' },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'Done.' },
  { type: 'text-end', id: 't' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'stop' },
]

const denied: UIMessageChunk[] = [
  { type: 'start', messageId: 'm2' },
  { type: 'tool-output-denied', toolCallId: 'call-1' },
  ...approved.slice(2),
]

const speaking: UIMessageChunk[] = [
  { type: 'start', messageId: 'm1', messageMetadata: { agent: 'assistant' } },
  { type: 'start-step' },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'Hm. ' },
  { type: 'reasoning-delta', id: 'r', delta: '🧵' },
  { type: 'reasoning-end', id: 'r' },
  { type: 'text-start', id: 't' },
  { type: 'text-delta', id: 't', delta: 'Hello ' },
  { type: 'text-delta', id: 't', delta: 'Welt, "ü" \\ \n' },
  { type: 'text-end', id: 't' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'stop', messageMetadata: { model: 'demo/assistant', steps: 1 } },
]

function answers(): Record<string, UIMessageChunk[]> {
  const other = { toolCallId: 'call-2', toolName: 'mcp', dynamic: true }
  return {
    'reasoning and text': speaking,
    'an approval': asking,
    'two tools at once': [
      { type: 'start', messageId: 'm3' },
      { type: 'start-step' },
      { type: 'tool-input-start', ...call },
      { type: 'tool-input-delta', toolCallId: 'call-1', inputTextDelta: '{"path":' },
      { type: 'tool-input-start', ...other },
      { type: 'tool-input-delta', toolCallId: 'call-1', inputTextDelta: '"a"}' },
      { type: 'tool-input-available', ...call, input: { path: 'a' } },
      { type: 'tool-input-available', ...other, input: [1] },
      { type: 'tool-output-error', toolCallId: 'call-2', errorText: 'No.', dynamic: true },
      { type: 'tool-output-available', toolCallId: 'call-1', output: null },
      { type: 'finish-step' },
      { type: 'finish' },
    ],
    'preliminary outputs': [
      ...asking.slice(0, 2),
      { type: 'tool-input-available', ...call, input: {} },
      { type: 'tool-output-available', toolCallId: 'call-1', output: 1, preliminary: true },
      { type: 'tool-output-available', toolCallId: 'call-1', output: 2 },
    ],
    'an input that was refused': [
      ...asking.slice(0, 2),
      { type: 'tool-input-start', ...call },
      { type: 'tool-input-error', ...call, input: '{"pa', errorText: 'Not JSON.' },
      { type: 'tool-input-start', ...other },
      { type: 'tool-input-error', ...other, input: '{"pa', errorText: 'Not JSON.' },
    ],
    'a step that was withdrawn': [
      ...asking.slice(0, 2),
      { type: 'text-start', id: 'a' },
      { type: 'text-delta', id: 'a', delta: 'Wrong' },
      { type: 'tool-input-start', ...call },
      { type: 'reset-step' },
      { type: 'text-start', id: 'b' },
      { type: 'text-delta', id: 'b', delta: 'Right' },
      { type: 'text-end', id: 'b' },
      { type: 'finish-step' },
    ],
    'files, sources and data': [
      ...asking.slice(0, 2),
      { type: 'file', url: 'data:image/png;base64,AA', mediaType: 'image/png' },
      { type: 'source-url', sourceId: 's1', url: 'https://example.com/', title: 'Example' },
      { type: 'source-document', sourceId: 's2', mediaType: 'text/plain', title: 'Notes' },
      { type: 'data-progress', id: 'd', data: { done: 1 } },
      { type: 'data-progress', id: 'd', data: { done: 2 } },
      { type: 'data-note', data: 'x', transient: true },
      { type: 'data-note', data: 'y' },
    ],
  }
}
