/**
 * Answers that together contain every event of a model or a tool, and the messages that they
 * become.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { tool } from 'ai'
import { z } from 'zod'

import { defineTool } from '../../src/define-tool.ts'
import type { AgentTools } from '../../src/tool.ts'
import { calls, finish, says, type Script, words } from '../scripted-model.ts'

const providerMetadata = { acme: { list: [1, null], text: 'é' } }

const hostile: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{}},"kept":1}')

const extraTools = {
  nothing: tool({ inputSchema: z.object({}), execute: () => undefined }),
  null: tool({ inputSchema: z.object({}), execute: () => null }),
  hostile: tool({ inputSchema: z.object({}), execute: () => hostile }),
  writer: defineTool({
    name: 'writer',
    description: 'Writes data parts.',
    inputSchema: z.object({}),
    async execute(_, { write }) {
      await write({ type: 'data-progress', id: 'p', data: { done: 1, text: 'é\u2028' } })
      await write({ type: 'data-note', data: 'seen once', transient: true })
      await write({ type: 'data-row', data: hostile })
      await write({ type: 'data-row', data: [null, false, 0] })
      await write({ type: 'data-progress', id: 'p', data: { done: 2 } })
    },
  }),
  slow: tool({
    inputSchema: z.object({}),
    async *execute() {
      yield { done: 1 }
      yield { done: 2 }
    },
  }),
}

const provided = (id: string, toolName: string, dynamic?: boolean): LanguageModelV4StreamPart[] => {
  const flags = { toolName, providerExecuted: true, ...(dynamic === true && { dynamic }) }
  return [
    { type: 'tool-input-start', id, ...flags },
    { type: 'tool-input-delta', id, delta: '{"query":' },
    { type: 'tool-input-delta', id, delta: '"sky"}' },
    { type: 'tool-input-end', id },
    { type: 'tool-call', toolCallId: id, input: '{"query":"sky"}', ...flags, providerMetadata },
  ]
}

export interface Case {
  fact: string
  replies: Script[]
  /** Parts that the message must contain. */
  parts: object[]
  tools?: AgentTools
}

export const cases: readonly Case[] = [
  {
    fact: 'reasoning and text with all their metadata',
    replies: [
      [
        { type: 'stream-start', warnings: [{ type: 'other', message: 'careful' }] },
        { type: 'response-metadata', id: 'r1', modelId: 'm', timestamp: new Date(0) },
        { type: 'raw', rawValue: { any: 'thing' } },
        { type: 'reasoning-start', id: '0', providerMetadata },
        { type: 'reasoning-delta', id: '0', delta: 'hm', providerMetadata },
        { type: 'reasoning-end', id: '0', providerMetadata },
        { type: 'text-start', id: '0', providerMetadata },
        { type: 'text-delta', id: '0', delta: 'Well', providerMetadata },
        { type: 'text-end', id: '0', providerMetadata },
        finish(),
      ],
    ],
    parts: [
      { type: 'reasoning', text: 'hm', state: 'done', providerMetadata },
      { type: 'text', text: 'Well', state: 'done', providerMetadata },
    ],
  },
  {
    fact: 'parts that are open, empty or never begun',
    replies: [
      [
        { type: 'text-start', id: 'empty' },
        { type: 'text-end', id: 'empty' },
        { type: 'reasoning-start', id: 'open' },
        { type: 'reasoning-delta', id: 'open', delta: 'a' },
        { type: 'text-delta', id: 'never begun', delta: 'b' },
        { type: 'reasoning-delta', id: 'open', delta: 'c' },
        { type: 'text-end', id: 'unheard of' },
        finish('length'),
      ],
    ],
    parts: [
      { type: 'reasoning', text: 'ac', state: 'done' },
      { type: 'text', text: 'b', state: 'done' },
    ],
  },
  {
    fact: 'split characters, and characters that need escapes',
    replies: [
      [
        { type: 'text-start', id: '0' },
        { type: 'text-delta', id: '0', delta: '\ud83c' },
        { type: 'text-delta', id: '0', delta: '\udf24 "\\\r\n\n\u2028\u0000' },
        { type: 'text-delta', id: '0', delta: 'data: [DONE]\n\n' },
        finish(),
      ],
    ],
    parts: [{ type: 'text', text: '\ud83c\udf24 "\\\r\n\n\u2028\u0000data: [DONE]\n\n' }],
  },
  {
    fact: 'sources and files of every kind',
    replies: [
      [
        {
          type: 'source',
          sourceType: 'url',
          id: 'u',
          url: 'https://example.com',
          providerMetadata,
        },
        { type: 'source', sourceType: 'document', id: 'd', mediaType: 'text/plain', title: 'T' },
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'aGk=' } },
        {
          type: 'file',
          mediaType: 'image/png',
          data: { type: 'data', data: Buffer.from('hi') },
          providerMetadata,
        },
        {
          type: 'file',
          mediaType: 'image/png',
          data: { type: 'url', url: new URL('https://example.com/a.png') },
        },
        finish('content-filter'),
      ],
    ],
    parts: [
      { type: 'source-url', sourceId: 'u', url: 'https://example.com', providerMetadata },
      { type: 'source-document', sourceId: 'd', mediaType: 'text/plain', title: 'T' },
      { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,aGk=' },
      { type: 'file', mediaType: 'image/png', url: 'https://example.com/a.png' },
    ],
  },
  {
    fact: 'parts that only ai 7 has',
    replies: [
      [
        { type: 'ping' },
        { type: 'custom', kind: 'acme.thing', providerMetadata },
        { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'data', data: 'aGk=' } },
        ...words('Seen?'),
        finish('other'),
      ],
    ],
    parts: [{ type: 'text', text: 'Seen?', state: 'done' }],
  },
  {
    fact: 'tools that the provider runs',
    replies: [
      [
        ...provided('call-a', 'web_search'),
        ...provided('call-b', 'web_fetch'),
        ...provided('call-c', 'mcp', true),
        {
          type: 'tool-result',
          toolCallId: 'call-a',
          toolName: 'web_search',
          result: { found: 1 },
          preliminary: true,
        },
        {
          type: 'tool-result',
          toolCallId: 'call-a',
          toolName: 'web_search',
          result: { found: 2 },
          providerMetadata,
        },
        {
          type: 'tool-result',
          toolCallId: 'call-b',
          toolName: 'web_fetch',
          result: { message: 'gone' },
          isError: true,
        },
        { type: 'tool-result', toolCallId: 'call-c', toolName: 'mcp', result: [], dynamic: true },
        ...says('Found.'),
      ],
    ],
    parts: [
      { type: 'tool-web_search', state: 'output-available', output: { found: 2 } },
      { type: 'tool-web_fetch', state: 'output-error' },
      { type: 'dynamic-tool', toolName: 'mcp', state: 'output-available', output: [] },
    ],
  },
  {
    fact: 'empty, null, hostile and preliminary outputs',
    tools: extraTools,
    replies: [calls(['nothing', ''], ['null', {}], ['hostile', {}], ['slow', {}]), says('Done.')],
    parts: [
      { type: 'tool-nothing', state: 'output-available', output: null },
      { type: 'tool-null', state: 'output-available', output: null },
      { type: 'tool-hostile', state: 'output-available', output: { kept: 1 } },
      { type: 'tool-slow', state: 'output-available', output: { done: 2 } },
    ],
  },
  {
    fact: 'data parts of a tool: replaced, transient, hostile',
    tools: extraTools,
    replies: [calls(['writer', {}]), says('Done.')],
    parts: [
      { type: 'data-progress', id: 'p', data: { done: 2 } },
      { type: 'data-row', id: 'call-0-2', data: { kept: 1 } },
      { type: 'data-row', id: 'call-0-3', data: [null, false, 0] },
    ],
  },
  {
    fact: 'calls that cannot be run',
    replies: [
      calls(['add', 'null'], ['add', '[]'], ['teleport', 'nonsense'], ['lookup', { term: 1 }]),
      [
        { type: 'tool-input-start', id: 'half', toolName: 'weather' },
        { type: 'tool-input-delta', id: 'half', delta: '{"ci' },
        { type: 'tool-input-start', id: 'half-unknown', toolName: 'teleport' },
        ...says('Never mind.'),
      ],
      says('Indeed.'),
    ],
    parts: [
      { type: 'tool-add', state: 'output-error' },
      { type: 'dynamic-tool', toolName: 'teleport', state: 'output-error' },
      { type: 'dynamic-tool', toolName: 'lookup', state: 'output-error', input: { term: 1 } },
      { type: 'tool-weather', state: 'output-error', input: {} },
    ],
  },
]
