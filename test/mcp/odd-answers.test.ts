/** Lists and results of MCP servers that do not fit the client's schema. */
import { createServer, type Server } from 'node:http'

import { afterEach, describe, expect, it } from 'vitest'

import { type Mcp, openMcp } from '../../src/mcp.ts'
import { failureText, modelOutputOf } from '../../src/mcp/answer.ts'
import { portOf } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { callTool } from '../tools/called-tool.ts'

const oddTools = [
  { name: 'first', inputSchema: { type: 'object' } },
  { name: 'no-schema' },
  { name: 'schema-of-text', inputSchema: 'text' },
  { name: 'list-schema', inputSchema: { type: 'array', items: {} } },
  { name: 'properties-list', inputSchema: { type: 'object', properties: [] } },
  { name: 'number-title', title: 7, description: null, inputSchema: { type: 'object' } },
  { name: 'odd-hints', annotations: { readOnlyHint: 'yes' }, inputSchema: { type: 'object' } },
  { name: 'odd-output', outputSchema: 'text', _meta: 'x', inputSchema: { type: 'object' } },
  { inputSchema: { type: 'object' } },
  null,
  { name: 'last', inputSchema: { type: 'object' } },
]

const named = oddTools.flatMap((tool) => (tool !== null && 'name' in tool ? [tool.name] : []))

let server: Server | undefined
let mcp: Mcp | undefined

afterEach(async () => {
  await mcp?.close()
  server?.closeAllConnections()
  server?.close()
})

/** A server over Streamable HTTP that answers with JSON or with events. */
async function listen(
  type: 'application/json' | 'text/event-stream',
  answers: readonly unknown[] = [],
): Promise<string> {
  let calls = 0
  const listening = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      const { id, method, params } = text === '' ? {} : JSON.parse(text)
      if (id === undefined) {
        response.writeHead(request.method === 'POST' ? 202 : 405).end()
        return
      }
      const result =
        method === 'initialize'
          ? {
              protocolVersion: params.protocolVersion,
              capabilities: { tools: {} },
              serverInfo: { name: 's', version: '1' },
            }
          : method === 'tools/call'
            ? answers[calls++]
            : { tools: oddTools }
      const message = JSON.stringify({ jsonrpc: '2.0', id, result })
      response.writeHead(200, { 'content-type': type })
      // The stream stays open, as with some servers.
      if (type === 'application/json') response.end(message)
      else response.write(`event: message\ndata: ${message}\n\n`)
    })
  }).listen(0, '127.0.0.1')
  server = listening
  await until(5000, 'it listens', () => listening.listening)
  return `http://127.0.0.1:${portOf(listening)}/mcp`
}

describe('an MCP server', () => {
  it.each(['application/json', 'text/event-stream'] as const)(
    'keeps its valid tools beside invalid ones, in %s',
    async (type) => {
      mcp = openMcp([{ name: 's', url: await listen(type) }], { environment: {} })
      expect((await mcp.tools()).map(({ name }) => name)).toEqual(named)
    },
  )
})

describe('an answer of an MCP server', () => {
  const image = { type: 'image', data: 'AAAA', mimeType: 'image/png' }
  const file = { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } }
  const cases = [
    [
      'text as text',
      { content: [{ type: 'text', text: 'a "b"\n\tc' }] },
      { type: 'text', value: 'a "b"\n\tc' },
    ],
    [
      'several texts as one',
      {
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { type: 'text', value: 'a\nb' },
    ],
    ['an image as a file', { content: [image] }, { type: 'content', value: [file] }],
    [
      'an image of a resource as a file',
      {
        content: [
          { type: 'resource', resource: { uri: 'a:b', blob: 'AAAA', mimeType: 'image/png' } },
        ],
      },
      { type: 'content', value: [file] },
    ],
    [
      'structured content alone',
      { content: [], structuredContent: { answer: 42 } },
      { type: 'text', value: '{"answer":42}' },
    ],
    [
      'structured content without a list',
      { structuredContent: [1] },
      { type: 'text', value: '[1]' },
    ],
    [
      'structured content once beside its text',
      { content: [{ type: 'text', text: '{"answer":42}' }], structuredContent: { answer: 42 } },
      { type: 'text', value: '{"answer":42}' },
    ],
    [
      'structured content beside an image',
      { content: [image], structuredContent: { width: 1 } },
      { type: 'content', value: [{ type: 'text', text: '{"width":1}' }, file] },
    ],
    [
      'the text of a resource',
      { content: [{ type: 'resource', resource: { uri: 'a:b', text: 'inside' } }] },
      { type: 'text', value: 'inside' },
    ],
    [
      'a link to a resource in words',
      {
        content: [
          { type: 'resource_link', uri: 'file:///a.md', name: 'a.md', description: 'Notes' },
        ],
      },
      { type: 'text', value: '[Resource file:///a.md: a.md, Notes]' },
    ],
    ['no output in words', { content: [] }, { type: 'text', value: '(no output)' }],
    [
      'structured content beside a shorter text',
      { content: [{ type: 'text', text: '2 users' }], structuredContent: { users: [1, 2] } },
      { type: 'text', value: '2 users\n{"users":[1,2]}' },
    ],
    [
      'a plain value once, where an SDK wraps it',
      { content: [{ type: 'text', text: 'hello' }], structuredContent: { content: 'hello' } },
      { type: 'text', value: 'hello' },
    ],
    [
      'a list once, where each item is a text',
      {
        content: [
          { type: 'text', text: '{\n  "a": 1\n}' },
          { type: 'text', text: '2' },
        ],
        structuredContent: { result: [{ a: 1 }, 2] },
      },
      { type: 'text', value: '{\n  "a": 1\n}\n2' },
    ],
    [
      'a text that is sent as bytes',
      {
        content: [
          {
            type: 'resource',
            resource: { uri: 'a:b', mimeType: 'text/plain; charset=utf-8', blob: 'aMOp' },
          },
        ],
      },
      { type: 'text', value: 'hé' },
    ],
  ] as const

  const png = 'iVBORw0KGgo='
  const pngFile = { type: 'file', mediaType: 'image/png', data: { type: 'data', data: png } }
  const odd = [
    ['no content', {}, '(no output)'],
    ['nothing', null, '(no output)'],
    ['null as content', { content: null, structuredContent: null }, '(no output)'],
    ['a text as content', { content: 'plain' }, 'plain'],
    ['the form of the first protocol', { toolResult: { a: 1 } }, '{"a":1}'],
    [
      'parts without a form',
      { content: [{ type: 'text', text: null }, null, 'raw', { text: 'untyped' }, { a: 1 }] },
      'raw\nuntyped\n{"a":1}',
    ],
    ['a number as text', { content: [{ type: 'text', text: 7 }] }, '7'],
    [
      'an image as a URL, broken into lines',
      { content: [{ type: 'image', data: `data:image/png;base64,iVBOR\r\nw0KGgo=` }] },
      [pngFile],
    ],
    ['an image without its type', { content: [{ type: 'image', data: 'iVBORw0KGgo' }] }, [pngFile]],
    [
      'an invalid image beside a text',
      {
        content: [
          { type: 'text', text: 'kept' },
          { type: 'image', data: '@@', mimeType: 'image/png' },
        ],
      },
      'kept\n[An image whose data is not valid base64]',
    ],
    [
      'a link without a name',
      { content: [{ type: 'resource_link', uri: 'a:b' }] },
      '[Resource a:b: a:b]',
    ],
    [
      'a resource without content',
      { content: [{ type: 'resource', resource: { uri: 'a:b' } }] },
      '{"type":"resource","resource":{"uri":"a:b"}}',
    ],
    ['an odd error flag', { content: [{ type: 'text', text: 'x' }], isError: 'no' }, 'x'],
  ] as const

  it.each(['application/json', 'text/event-stream'] as const)(
    'that does not fit the protocol keeps its valid parts, in %s',
    async (type) => {
      mcp = openMcp(
        [
          {
            name: 's',
            url: await listen(
              type,
              odd.map(([, result]) => result),
            ),
          },
        ],
        {
          environment: {},
        },
      )
      const [tool] = await mcp.tools()
      if (tool === undefined) throw new Error('The server has no tool.')
      for (const [name, , value] of odd) {
        const { output } = await callTool(tool, {})
        const expected =
          typeof value === 'string' ? { type: 'text', value } : { type: 'content', value }
        expect(modelOutputOf(output), name).toEqual(expected)
      }
    },
  )

  it('that is an error without a text reaches the model with all that it has', () => {
    const failure = { isError: true, content: [], structuredContent: { code: 7, why: 'quota' } }
    expect(failureText(failure)).toBe('{"code":7,"why":"quota"}')
    const resource = { uri: 'a:b', text: 'the reason' }
    expect(failureText({ isError: true, content: [{ type: 'resource', resource }] })).toBe(
      'the reason',
    )
    expect(failureText({ isError: true, content: [] })).toMatch(/without an error text/)
  })

  it.each(cases)('reaches the model: %s', (_name, result, output) => {
    expect(modelOutputOf(result)).toEqual(output)
  })
})
