/**
 * The APIs of OpenAI, Anthropic and Google for prompts of many megabytes. The latest message decides the answer:
 * `call NAME` calls that tool, and any other message gets a short answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import { openServer } from '../fixtures/open-server.ts'

export interface BulkProvider extends AsyncDisposable {
  url: string
  /** The sizes of the request bodies, in bytes, oldest first. */
  readonly sizes: readonly number[]
}

interface Asked {
  messages?: Message[]
  contents?: Message[]
  input?: Message[]
}

interface Message {
  role: string
  content?: unknown
  parts?: unknown
}

export async function openBulkProvider(): Promise<BulkProvider> {
  const sizes: number[] = []
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
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(answerTo(request.url ?? '', toolCalledBy(asked)))
  }
  const server = await openServer((request, response) => void answer(request, response))
  return { ...server, url: `${server.root}/v1`, sizes }
}

/** The tool that the last message asks for, if it is of the user. */
function toolCalledBy({ messages, contents, input }: Asked): string | undefined {
  const last = (messages ?? contents ?? input)?.at(-1)
  if (last?.role !== 'user') return undefined
  const said: unknown = last.content ?? last.parts
  const [part] = Array.isArray(said) ? said : [{ text: said }]
  return /^call (\w+)$/.exec(String(part?.text))?.[1]
}

const toolInput = { prompt: 'call large' }

/** In the protocol of the address. */
function answerTo(path: string, tool: string | undefined): string {
  if (path.endsWith('/messages')) return anthropicAnswer(tool)
  if (path.includes(':streamGenerateContent')) return geminiAnswer(tool)
  return path.endsWith('/responses') ? responsesAnswer() : openAiAnswer(tool)
}

function openAiAnswer(tool: string | undefined): string {
  if (tool === undefined) return chunks([{ content: 'Seen.' }], 'stop')
  const called = { name: tool, arguments: JSON.stringify(toolInput) }
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

type Event = { type?: string } & Record<string, unknown>

const events = (all: readonly Event[]) =>
  all
    .map(
      (event) =>
        `${event.type === undefined ? '' : `event: ${event.type}\n`}data: ${JSON.stringify(event)}\n\n`,
    )
    .join('')

function anthropicAnswer(tool: string | undefined): string {
  const message = {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'claude',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  }
  const block =
    tool === undefined
      ? { type: 'text', text: '' }
      : { type: 'tool_use', id: 'call-1', name: tool, input: {} }
  const delta =
    tool === undefined
      ? { type: 'text_delta', text: 'Seen.' }
      : { type: 'input_json_delta', partial_json: JSON.stringify(toolInput) }
  const reason = tool === undefined ? 'end_turn' : 'tool_use'
  return events([
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: 2 },
    },
    { type: 'message_stop' },
  ])
}

function geminiAnswer(tool: string | undefined): string {
  const part =
    tool === undefined ? { text: 'Seen.' } : { functionCall: { name: tool, args: toolInput } }
  const content = { role: 'model', parts: [part] }
  return events([{ candidates: [{ content, index: 0, finishReason: 'STOP' }] }])
}

/** OpenAI's Responses API, which calls no tool here. */
function responsesAnswer(): string {
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
  const response = { id: 'r', object: 'response', created_at: 1, model: 'gpt', output: [], usage }
  const item = { type: 'message', id: 'm', role: 'assistant', status: 'in_progress', content: [] }
  const delta = { item_id: 'm', output_index: 0, content_index: 0, delta: 'Seen.' }
  return events([
    { type: 'response.created', response },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.output_text.delta', ...delta },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response },
  ])
}
