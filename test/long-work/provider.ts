/**
 * An OpenAI-compatible API for prompts of many megabytes. The latest message decides what it says:
 * `call NAME` calls that tool, and anything else gets a short answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export interface BulkProvider extends AsyncDisposable {
  url: string
  /** The sizes of the request bodies, in bytes, oldest first. */
  readonly sizes: readonly number[]
}

interface Asked {
  messages: { role: string; content: unknown }[]
}

export async function openBulkProvider(): Promise<BulkProvider> {
  const sizes: number[] = []
  const server = createServer((request, response) => void answer(request, response))
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    sizes.push(body.length)
    const announced = request.headers['content-length']
    if (announced !== undefined && Number(announced) !== body.length) {
      response.writeHead(400).end('The length is wrong.')
      return
    }
    const asked: Asked = JSON.parse(body.toString())
    const isAnthropic = request.url?.endsWith('/messages') === true
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(isAnthropic ? anthropicAnswer() : openAiAnswer(asked))
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url: `http://127.0.0.1:${port}/v1`,
    sizes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      await closed.promise
    },
  }
}

function openAiAnswer({ messages }: Asked): string {
  const last = messages.at(-1)
  const said = last?.role === 'user' && typeof last.content === 'string' ? last.content : ''
  const [, tool] = /^call (\w+)$/.exec(said) ?? []
  if (tool === undefined) return chunks([{ content: 'Seen.' }], 'stop')
  const called = { name: tool, arguments: '{"prompt":"call large"}' }
  return chunks(
    [{ tool_calls: [{ index: 0, id: 'call-1', type: 'function', function: called }] }],
    'tool_calls',
  )
}

function chunks(deltas: readonly object[], reason: string): string {
  const all = [
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta }] })),
    { choices: [{ index: 0, delta: {}, finish_reason: reason }] },
  ]
  return `${all.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`
}

const anthropicAnswer = () =>
  [
    {
      type: 'message_start',
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'claude',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Seen.' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 2 },
    },
    { type: 'message_stop' },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('')
