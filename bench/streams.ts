/**
 * `node bench/streams.ts` holds 5,000 open streams on one instance with Redis for 30 minutes. Clients close
 * some of them and open others all the time (a churn). The exit code is 1 if the server ends a stream, or
 * if its memory, timers, handles or connections to Redis are not the same in the last windows as in the first ones.
 */
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { freePort } from '../test/redis/free-port.ts'
import { startRedis } from '../test/redis/redis.ts'
import { Child } from './child.ts'
import { growths, type Measure } from './flatness.ts'
import { memorySchema, resourcesSchema } from './protocol.ts'
import { loadReportSchema } from './streams-load.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '5000' },
    turns: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '30' },
    windows: { type: 'string', default: '10' },
    churn: { type: 'string', default: '100' },
    pace: { type: 'string', default: '5000' },
  },
})
const [streams, turns, windows] = [values.streams, values.turns, values.windows].map(Number)
if (streams === undefined || turns === undefined || windows === undefined) throw new Error('args')
const windowMs = (Number(values.minutes) * 60_000) / windows

const file = (path: string): string => new URL(path, import.meta.url).pathname

await using stack = new AsyncDisposableStack()
const redis = stack.use(await startRedis())
const port = await freePort()
const server = new Child({
  label: 'server',
  args: ['--import', file('probe.ts'), file('../bin/loom.mjs'), 'serve', file('streams-agent.mjs')],
  env: {
    PORT: String(port),
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    REDIS_URL: redis.url,
    STREAMS_WORD_MS: values.pace,
    // The model is slower than a real one may be.
    LOOM_STEP_MS: '86400000',
    LOOM_TURNS_MAX: '0',
  },
  core: null,
})
stack.defer(() => server.stop())
await server.waitForPort(port)
const clients = new Child({ label: 'clients', args: [file('streams-load.ts')], core: null })
stack.defer(() => clients.stop())

for (let turn = 0; turn < turns; turn++) {
  const response = await fetch(`http://127.0.0.1:${port}/api/chat`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ id: `s${turn}`, message: 'Talk.' }),
  })
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
}

async function order(count: number, ms: number) {
  const question = { port, sessions: turns, streams: count, perSecond: Number(values.churn), ms }
  return loadReportSchema.parse(await clients.call(question, ms + 600_000))
}

async function measure(): Promise<Measure> {
  const memory = memorySchema.parse(await server.call({ ask: 'memory' }, 120_000))
  const { Timeout = 0 } = resourcesSchema.parse(await server.call({ ask: 'resources' }, 60_000))
  const clientList = String(await redis.client.client('LIST'))
  const connections = clientList.split('\n').filter((line) => line.includes(' name=loom:')).length
  const handles = readdirSync(`/proc/${server.pid}/fd`).length
  return { ...memory, timers: Timeout, handles, connections }
}

const lines: Measure[] = []
function show(name: string, each: Measure, more = ''): void {
  const mb = (count: number) => (count / 1e6).toFixed(0)
  process.stdout.write(
    `${name}: ${mb(each.heldBytes)} MB held, ${mb(each.residentBytes)} MB resident, ${each.timers} timers, ${each.handles} handles, ${each.connections} connections to Redis${more}\n`,
  )
}

show('no stream', await measure())
await order(streams, 0)
show(`${streams} streams`, await measure())
let lost = 0
for (let window = 1; window <= windows; window++) {
  const report = await order(streams, windowMs)
  const each = await measure()
  lines.push(each)
  lost = report.lost
  show(`window ${window}`, each, `; ${report.opened} opened, ${report.lost} lost`)
}
await order(0, 0)
show('all closed', await measure())
if (lines.length === 0) throw new Error('There was no window.')
const grown = growths(lines)
for (const line of grown) process.stdout.write(`not flat: ${line}\n`)
process.exitCode = grown.length === 0 && lost === 0 ? 0 : 1
