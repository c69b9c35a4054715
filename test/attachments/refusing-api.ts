/**
 * Model APIs that refuse the bodies that a test names, in the protocols of Loom. Each stores its
 * requests. Every answer has the same text.
 */
import type { ServerResponse } from 'node:http'

import { serveInTest } from '../fixtures/open-server.ts'

export interface Refusal {
  status: number
  body: unknown
}

export interface RefusingApi {
  url: string
  /** The body of each request, as text. */
  readonly bodies: string[]
}

/** @param refusalOf decides on the body of each request, as text */
export async function openApi(
  family: Family,
  refusalOf: (body: string) => Refusal | undefined,
): Promise<RefusingApi> {
  const bodies: string[] = []
  const root = await serveInTest((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      bodies.push(body)
      const refusal = refusalOf(body)
      if (refusal === undefined) return send(response, answers[family])
      response.writeHead(refusal.status, { 'content-type': 'application/json' })
      return response.end(JSON.stringify(refusal.body))
    })
  })
  return { url: `${root}/v1`, bodies }
}

export type Family = keyof typeof answers

function send(response: ServerResponse, events: readonly object[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    if ('type' in event) response.write(`event: ${String(event.type)}\n`)
    response.write(`data: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

const chat = (fields: object) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, ...fields }],
})

const answers = {
  compatible: [
    chat({ delta: { role: 'assistant', content: 'Fine.' } }),
    chat({ delta: {}, finish_reason: 'stop' }),
  ],
  // https://docs.anthropic.com/en/docs/build-with-claude/streaming
  anthropic: [
    {
      type: 'message_start',
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Fine.' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 1 },
    },
    { type: 'message_stop' },
  ],
  // https://ai.google.dev/api/generate-content
  google: [
    {
      candidates: [
        { content: { role: 'model', parts: [{ text: 'Fine.' }] }, finishReason: 'STOP', index: 0 },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    },
  ],
  // https://platform.openai.com/docs/api-reference/responses-streaming
  openai: [
    { type: 'response.created', response: { id: 'r', created_at: 1, model: 'm' } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { type: 'message', id: 'i', status: 'in_progress', role: 'assistant', content: [] },
    },
    {
      type: 'response.output_text.delta',
      item_id: 'i',
      output_index: 0,
      content_index: 0,
      delta: 'Fine.',
    },
    {
      type: 'response.output_item.done',
      output_index: 0,
      item: { type: 'message', id: 'i', status: 'completed', role: 'assistant', content: [] },
    },
    {
      type: 'response.completed',
      response: { id: 'r', usage: { input_tokens: 1, output_tokens: 1 } },
    },
  ],
}
