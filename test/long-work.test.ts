/**
 * One request does not delay other clients: for any posted body, no turn of the event loop computes
 * for longer than 50 ms of a machine at rest. A busy machine computes slower; a fixed piece of work
 * measures that.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { quickly, startWatched, type WatchedServer } from './long-work/kit.ts'
import { endProcesses } from './loom-process.ts'

const runs = 60

let server: WatchedServer
beforeAll(async () => {
  server = await startWatched({ LOOM_MODEL: 'demo/fast', LOOM_MODELS_URL: 'none' })
  // The first requests load and compile the code that the others run.
  for (let each = 0; each < 3; each++) {
    await post('/api/chat', JSON.stringify({ messages: [withParts([picture(1_000_000)])] }))
  }
  await server.held()
})
afterAll(endProcesses)

async function post(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<number> {
  const response = await fetch(server.url + path, { method: 'POST', body })
  await response.arrayBuffer()
  return response.status
}

const withParts = (parts: unknown[]) => ({ id: 'u', role: 'user', parts })
const picture = (size: number) => ({
  type: 'file',
  mediaType: 'image/png',
  url: `data:image/png;base64,iVBORw0KGgo${'A'.repeat(size - (size % 4))}`,
})
const hiPart = { type: 'text', text: 'Hi' }
const hiMessage = '{"role":"user","parts":[{"type":"text","text":"Hi"}]}'

const filled = (size: number, piece: string) => piece.repeat(Math.ceil(size / piece.length))
const listed = (size: number, piece: string) => `[${filled(size, `${piece},`)}1]`
const keyed = (size: number, step: number) =>
  `{${Array.from({ length: Math.ceil(size / 12) }, (_, index) => `"${index * step}":1`).join()}}`

/**
 * Values of about this many bytes that cost a parser, a schema or a walk more than their size
 * suggests.
 */
const values: Record<string, (size: number) => string> = {
  'a long text': (size) => `"${filled(size, 'word ')}"`,
  'one character': (size) => `"${filled(size, 'a')}"`,
  'line ends': (size) => `"${filled(size, '\\n')}"`,
  quotes: (size) => `"${filled(size, '\\"')}"`,
  'other scripts': (size) => `"${filled(size / 3, '語')}"`,
  'escaped letters': (size) => `"${filled(size, '\\u8a9e')}"`,
  'half pairs': (size) => `"${filled(size, '\\ud800')}"`,
  'empty lists': (size) => listed(size, '[]'),
  'empty objects': (size) => listed(size, '{}'),
  numbers: (size) => listed(size, '1.5e-9'),
  'many keys': (size) => keyed(size, 1),
  'keys like indexes far apart': (size) => keyed(size, 100_003),
  'a deep list': (size) => `${filled(size / 2, '[')}${filled(size / 2, ']')}`,
  'lists of the allowed depth': (size) => listed(size, `${'['.repeat(90)}${']'.repeat(90)}`),
  'keys that pollute': (size) => listed(size, '{"__proto__":{"constructor":{"prototype":1}}}'),
  'text parts': (size) => listed(size, '{"type":"text","text":"x"}'),
  'tool parts': (size) =>
    listed(size, '{"type":"tool-x","toolCallId":"c","state":"output-available","output":"x"}'),
  'file parts': (size) => listed(size, '{"type":"file","mediaType":"image/png","url":"data:,x"}'),
  messages: (size) => listed(size, hiMessage),
  'white space': (size) => `1${filled(size, ' ')}`,
  'a number of many digits': (size) => filled(size, '9'),
  'half of a value': (size) => `[${filled(size, '{"a":')}`,
}

/** The places of a value in a body. */
const places: Record<string, (value: string) => string> = {
  'a context': (value) => `{"message":"Hi","context":{"a":${value}}}`,
  'the context': (value) => `{"message":"Hi","context":${value}}`,
  'an unknown field': (value) => `{"message":"Hi","x":${value}}`,
  'a message': (value) => `{"message":${value}}`,
  'the messages': (value) => `{"messages":${value}}`,
  'the last message': (value) => `{"messages":[${hiMessage},${value}]}`,
  'a message of the history': (value) => `{"messages":[${value},${hiMessage}]}`,
  'the content': (value) => `{"messages":[{"role":"user","content":${value}}]}`,
  'the parts': (value) => `{"messages":[{"role":"user","parts":${value}}]}`,
  'a text': (value) => `{"messages":[{"role":"user","parts":[{"type":"text","text":${value}}]}]}`,
  'a data part': (value) =>
    `{"messages":[{"role":"user","parts":[{"type":"data-x","data":${value}},{"type":"text","text":"Hi"}]}]}`,
  metadata: (value) => `{"messages":[{"role":"user","metadata":${value},"content":"Hi"}]}`,
  'an answer': (value) =>
    `{"messages":[{"id":"a","role":"assistant","parts":[{"type":"tool-x","toolCallId":"c","state":"output-available","input":{},"output":${value}}]}]}`,
  'parts of an answer': (value) => `{"messages":[{"id":"a","role":"assistant","parts":${value}}]}`,
  'an attachment': (value) =>
    `{"messages":[{"role":"user","content":"Hi","experimental_attachments":${value}}]}`,
  'an id': (value) => `{"id":${value},"message":"Hi"}`,
  'an output': (value) => `{"output":${value},"approved":${value}}`,
  'the body': (value) => value,
}

const routes = ['/api/chat', '/api/chat/s/tools/c', '/api/chat/s/approvals/c', '/api/chat/s/fork']

const sizes = [30_000, 1_900_000, 10_400_000]

it('no posted body blocks the event loop for long', { timeout: 300_000 }, async () => {
  let measured = 0
  const posted = fc.record({
    value: fc.constantFrom(...Object.keys(values)),
    place: fc.constantFrom(...Object.keys(places)),
    size: fc.constantFrom(...sizes),
    path: fc.oneof({ weight: 4, arbitrary: fc.constant('/api/chat') }, fc.constantFrom(...routes)),
    breaks: fc.option(fc.nat(), { freq: 8 }),
  })
  await fc.assert(
    fc.asyncProperty(posted, async ({ value, place, size, path, breaks }) => {
      const text = places[place]?.(values[value]?.(size) ?? '') ?? ''
      const bytes = new Uint8Array(Buffer.from(text))
      // This byte does not exist in UTF-8.
      if (breaks !== null) bytes[breaks % bytes.length] = 0xff
      const name = `${value} as ${place}, ${size} bytes to ${path}`
      const status = await quickly(server, name, () => post(path, bytes))
      expect(status, name).toBeOneOf([200, 201, 400, 404, 409, 413])
      measured++
    }),
    { numRuns: runs, endOnFailure: true },
  )
  expect(measured).toBe(runs)
})

it('no large file blocks the event loop for long', { timeout: 120_000 }, async () => {
  const files: Record<string, unknown[]> = {
    'a picture': [picture(9_900_000)],
    'many pictures': Array.from({ length: 900 }, () => picture(10_000)),
    'bytes as escapes': [
      { type: 'file', mediaType: 'image/png', url: `data:image/png,${filled(9_900_000, '%41')}` },
    ],
    'a media type of many parameters': [
      { type: 'file', mediaType: 'image/png', url: `data:image/png${filled(5_000_000, ';')},x` },
    ],
    'a text of line ends': [
      {
        type: 'file',
        mediaType: 'text/plain',
        url: `data:text/plain;base64,${Buffer.from('\n'.repeat(7_000_000)).toString('base64')}`,
      },
    ],
  }
  for (const [name, parts] of Object.entries(files)) {
    const body = JSON.stringify({ messages: [withParts([...parts, hiPart])] })
    const status = await quickly(server, name, () => post('/api/chat', body))
    expect(status, name).toBeOneOf([200, 400, 413])
  }
})
