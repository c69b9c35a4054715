/**
 * All contenders of the benchmark must give equal answers before any measurement: for the same
 * bytes from the upstream, each one streams the same text. For Loom and stock, the AI SDK's client
 * reads the text.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { text } from 'node:stream/consumers'

import { DefaultChatTransport, readUIMessageStream } from 'ai'
import type { UIMessage } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { answerBody, answerText, fingerprint } from '../bench/answer.ts'
import { Child } from '../bench/child.ts'
import { bodyOf, Connection } from '../bench/connection.ts'
import { contenderNames, contenders } from '../bench/contender.ts'
import type { ContenderName } from '../bench/contender.ts'
import { growths, type Measure } from '../bench/flatness.ts'
import { readOrder, requestBody } from '../bench/order.ts'
import { textOf } from '../bench/reading.ts'
import { verdictsOf } from '../bench/report.ts'
import { openStage } from '../bench/stage.ts'
import { median, percentile } from '../bench/statistics.ts'
import { freePort } from './redis/free-port.ts'
import { type RunningRedis, startRedis } from './redis/redis.ts'

const order = { id: 7, tokens: 300, rate: 0, waitMs: 0 }

/** The part of a request to the model that depends on the agent. */
const modelRequest = z.object({
  stream: z.literal(true),
  stream_options: z.object({ include_usage: z.literal(true) }),
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  tools: z.array(
    z.object({
      function: z.object({
        name: z.string(),
        description: z.string(),
        parameters: z.object({ properties: z.unknown(), required: z.unknown().optional() }),
      }),
    }),
  ),
})

/** An upstream with the answers of the benchmark's own. It stores the requests. */
async function openUpstream(): Promise<{ server: Server; port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const body = await text(request)
      asked.push(body)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(answerBody(readOrder(body)?.tokens ?? 0))
    }
    answer().catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The port has no number.')
  return { server, port: address.port, asked }
}

describe('contenders', () => {
  const started = new Map<ContenderName, { child: Child; port: number }>()
  let upstream: Awaited<ReturnType<typeof openUpstream>>
  let redis: RunningRedis

  beforeAll(async () => {
    upstream = await openUpstream()
    redis = await startRedis()
    for (const name of contenderNames) {
      const port = await freePort()
      const { args, env } = contenders[name]
      const ports = { port, upstreamPort: upstream.port, redisPort: redis.port }
      const child = new Child({ label: name, args, env: env(ports), core: null })
      started.set(name, { child, port })
      await child.waitForPort(port)
    }
  }, 600_000)

  afterAll(async () => {
    await Promise.all([...started.values()].map(({ child }) => child.stop()))
    upstream.server.close()
    upstream.server.closeAllConnections()
    await redis[Symbol.asyncDispose]()
  })

  /**
   * The body of one answer, and the contender's request for it. Each message has an id of its own,
   * because Loom treats a message that is posted twice as one.
   */
  async function ask(name: ContenderName, id: number): Promise<{ body: Buffer; asked: string }> {
    const connection = new Connection(started.get(name)?.port ?? 0)
    const answer = await connection.post(
      contenders[name].path,
      requestBody({ ...order, id }, contenders[name].body),
      60_000,
    )
    connection.close()
    return { body: bodyOf(answer.raw), asked: upstream.asked.pop() ?? '' }
  }

  /** The text of the message that `useChat` would show. */
  async function shown(name: ContenderName): Promise<string> {
    const transport = new DefaultChatTransport<UIMessage>({
      api: `http://127.0.0.1:${started.get(name)?.port}${contenders[name].path}`,
    })
    const request = z.object({ id: z.string(), messages: z.array(z.custom<UIMessage>()) })
    const { id, messages } = request.parse(JSON.parse(requestBody({ ...order, id: 8 }, 'chat')))
    const stream = await transport.sendMessages({
      chatId: id,
      messages,
      trigger: 'submit-message',
      messageId: undefined,
      abortSignal: undefined,
    })
    let last: UIMessage | undefined
    for await (const message of readUIMessageStream({ stream, terminateOnError: true })) {
      last = message
    }
    const parts = last?.parts ?? []
    return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  }

  it.each(['loom', 'redis', 'stock'] as const)(
    '%s shows exactly the text of the upstream',
    async (name) => {
      expect(await shown(name)).toBe(answerText(order.tokens))
    },
  )

  it('the relay sends the same bytes as the upstream', async () => {
    const { body } = await ask('relay', 9)
    expect(body.toString('utf8')).toBe(answerBody(order.tokens))
  })

  it.each(contenderNames)("%s passes the load client's own check of the text", async (name) => {
    const { body } = await ask(name, 10)
    expect(fingerprint(textOf(body, contenders[name].format))).toBe(
      fingerprint(answerText(order.tokens)),
    )
  })

  it.each(['loom', 'openai'] as const)(
    '%s and stock send the model the same request',
    async (name) => {
      const [loom, stock] = [await ask(name, 11), await ask('stock', 11)]
      expect(modelRequest.parse(JSON.parse(loom.asked))).toEqual(
        modelRequest.parse(JSON.parse(stock.asked)),
      )
    },
  )
})

describe('stage', () => {
  it.each(contenderNames)(
    'observes every token of paced and unpaced answers of %s',
    { timeout: 180_000 },
    async (name) => {
      const stage = await openStage({ contender: contenders[name], cores: null })
      try {
        const paced = { id: 1, tokens: 10, rate: 200, waitMs: 5 }
        const unpaced = { id: 2, tokens: 500, rate: 0, waitMs: 0 }
        const seen = await stage.send([paced, unpaced], 2)
        const tokensOf = (id: number) =>
          seen.find((sighting) => sighting.id === id)?.arrivals.at(-1)
        expect([tokensOf(1), tokensOf(2)]).toEqual([10, 500])
        const stamp = (await stage.stamps()).find(({ id }) => id === paced.id)
        expect(stamp?.sentAt).toHaveLength(paced.tokens)
        const { arrivals: [firstAt = 0] = [] } = seen.find(({ id }) => id === paced.id) ?? {}
        expect(firstAt).toBeGreaterThan(stamp?.firstAt ?? Infinity)
        expect(stage.cpuMicros()).toBeGreaterThan(0)
        expect((await stage.memory()).heldBytes).toBeGreaterThan(0)
      } finally {
        await stage.close()
      }
    },
  )

  it('a contender with a wrong answer fails', async () => {
    const lying = { ...contenders.relay, format: 'ui' as const }
    const stage = await openStage({ contender: lying, cores: null })
    try {
      await expect(stage.send([order], 1)).rejects.toThrow('load: ')
    } finally {
      await stage.close()
    }
  }, 180_000)
})

const cell = (contender: ContenderName, micros: number) => ({
  scenario: 'one-stream' as const,
  contender,
  round: 0,
  measures: { 'CPU µs/token': micros },
})

describe('verdicts', () => {
  it('verdicts compare medians of measured contenders', () => {
    const cells = [cell('loom', 1), cell('loom', 2), cell('loom', 90), cell('stock', 40)]
    expect(verdictsOf(cells)).toMatchObject([{ over: 'stock', ratio: 0.05, pass: true }])
    expect(verdictsOf([cell('loom', 5), cell('stock', 40)])).toMatchObject([{ pass: false }])
    expect(verdictsOf([cell('loom', 1), cell('relay', 1)])).toEqual([])
  })

  it('percentiles use the nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1)
    expect([percentile(values, 0.5), percentile(values, 0.99)]).toEqual([100, 198])
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })
})

describe('the windows of a long run', () => {
  const windows = (change: (index: number) => Partial<Measure>) =>
    Array.from({ length: 9 }, (_, index): Measure => {
      const usual = {
        heldBytes: 1e8,
        residentBytes: 4e8,
        timers: 60,
        handles: 5040,
        connections: 3,
      }
      return { ...usual, ...change(index) }
    })

  it('are flat if a measure differs in one window only', () => {
    expect(growths(windows(() => ({})))).toEqual([])
    const once = { heldBytes: 2e8, residentBytes: 8e8, timers: 200, handles: 9000, connections: 4 }
    expect(growths(windows((index) => (index === 8 ? once : {})))).toEqual([])
  })

  it.each([
    { name: 'heldBytes', each: 3e6 },
    { name: 'residentBytes', each: 2e7 },
    { name: 'timers', each: 5 },
    { name: 'handles', each: 5 },
    { name: 'connections', each: 1 },
  ] as const)('are not flat if $name grows', ({ name, each }) => {
    const [usual] = windows(() => ({}))
    const grown = windows((index) => ({ [name]: (usual?.[name] ?? 0) + index * each }))
    expect(growths(grown)).toEqual([expect.stringContaining(name)])
  })
})
