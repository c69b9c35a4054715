/**
 * An MCP server over stdio with the faults of real servers. Its first argument is a file with its tools,
 * which a test can change. It records each call in `<file>.calls`.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [file = '', ...flags] = process.argv.slice(2)

if (flags.includes('deaf')) setInterval(() => undefined, 1000)
if (flags.includes('stubborn')) {
  process.on('SIGTERM', () => undefined)
  // It does not end at the end of its input.
  setInterval(() => undefined, 1000)
}
if (flags.includes('child')) spawn('sh', ['-c', 'sleep 300; :', file], { stdio: 'ignore' })

interface Message {
  id?: number
  method?: string
  params?: { name?: string; cursor?: string; requestId?: number; arguments?: { text?: string } }
}

const say = (message: object) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const answer = (id: number | undefined, result: object) => say({ id, result })
const text = (said: string) => ({ content: [{ type: 'text', text: said }] })
/** A result of megabytes, in every kind of content. */
const flood = {
  content: [
    { type: 'text', text: 'x'.repeat(1_000_000), annotations: { priority: 1 } },
    { type: 'image', data: 'A'.repeat(4_000_004), mimeType: 'image/png' },
    { type: 'image', data: 'AAAA', mimeType: 'image/png' },
    { type: 'resource', resource: { uri: 'a:b', text: 'y'.repeat(1_000_000) } },
    { type: 'resource', resource: { uri: 'a:c', blob: 'B'.repeat(4_000_000) } },
    ...Array.from({ length: 20_000 }, () => ({ type: 'text', text: 'one of many' })),
  ],
  structuredContent: { all: 'z'.repeat(1_000_000) },
  _meta: { more: 'm'.repeat(1_000_000) },
}
const note = (line: string) => appendFileSync(`${file}.calls`, `${line}\n`)

function handle({ id, method, params }: Message): void {
  switch (method) {
    case 'initialize':
      return void answer(id, {
        protocolVersion: '2025-06-18',
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: 'odd', version: '1' },
      })
    case 'tools/list':
      return list(id, params?.cursor)
    case 'tools/call':
      note(`${params?.name}`)
      return call(id, params?.name ?? '', params?.arguments?.text ?? '')
    case 'notifications/cancelled':
      return note(`cancelled ${params?.requestId}`)
    case 'notifications/initialized':
      return undefined
    default:
      say({ id, error: { code: -32601, message: 'Method not found' } })
  }
}

/** Lists one tool per page. */
function list(id: number | undefined, cursor = '0'): void {
  const names = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const index = Number(cursor)
  const tools = names
    .slice(index, index + 1)
    .map((name) => ({ name, description: `Does ${name}.`, inputSchema: { type: 'object' } }))
  answer(id, { tools, ...(index + 1 < names.length && { nextCursor: String(index + 1) }) })
}

function call(id: number | undefined, name: string, said: string): void {
  if (name === 'die') process.exit(7)
  if (name === 'hang') return
  if (name === 'fail') return void answer(id, { ...text('It is broken.'), isError: true })
  if (name === 'rant') {
    return void say({ id, error: { code: -32603, message: 'It is broken. '.repeat(100_000) } })
  }
  if (name === 'babble') process.stdout.write('This is no JSON.\n')
  if (name === 'change') {
    appendFileSync(file, 'added\n')
    say({ method: 'notifications/tools/list_changed' })
  }
  if (name === 'much') return void answer(id, text('x'.repeat(300_000)))
  if (name === 'flood') return void answer(id, flood)
  if (name === 'pid') return void answer(id, text(String(process.pid)))
  answer(id, text(`${name} ${said}`))
}

if (!flags.includes('deaf')) {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message: Message = JSON.parse(line)
    handle(message)
  })
}
