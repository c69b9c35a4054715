/**
 * A separate process with a model that sends the current time, turn by turn and slowly, and the clients
 * that follow those turns. Both use one clock, so that each token shows its delay. Their work does not
 * slow down the test.
 */
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

import { z } from 'zod'

import { answerCalls } from '../../bench/call.ts'
import { percentile } from '../../bench/statistics.ts'
import { crowdSchema, type Delays, type Told } from './crowd-orders.ts'

/** The number of concurrent requests. The test does not measure the opening of connections. */
const openedAtOnce = 20
/** The deadline of one order, in milliseconds. */
const patienceMs = 60_000

// The model

/** The tokens of each turn. */
const said: string[][] = []
const silent = new AbortController()

/** The time of the write, between two marks that no frame contains. */
const token = () => `@${performance.now().toFixed(3)}@`

const upstream = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy())
}).listen(0, '127.0.0.1')

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, turn, turns, paceMs] = /turn=(\d+) of=(\d+) pace=(\d+)/.exec(await text(request)) ?? []
  const pace = Number(paceMs)
  const tokens = (said[Number(turn)] ??= [])
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  // The turns are spread evenly over the time between two tokens.
  const startAt = performance.now() + (pace * Number(turn)) / Number(turns)
  for (let index = 0; !silent.signal.aborted && !response.destroyed; index++) {
    const next = token()
    tokens.push(next)
    const delta = { index: 0, delta: { content: next } }
    response.write(`data: ${JSON.stringify({ choices: [delta] })}\n\n`)
    const dueMs = startAt + index * pace - performance.now()
    await delay(Math.max(0, dueMs), undefined, { signal: silent.signal }).catch(() => {})
  }
  const end = { index: 0, delta: {}, finish_reason: 'stop' }
  response.end(`data: ${JSON.stringify({ choices: [end] })}\n\ndata: [DONE]\n\n`)
}

// The clients

interface Follower {
  turn: number
  body: string
  /** Settles after the first token of the model. */
  begun: Promise<void>
  ended: Promise<void>
}

const followers: Follower[] = []
let delaysMs: number[] = []
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })

async function inTurn(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: openedAtOnce }, worker))
}

async function ask(url: string, turn: number, more: string): Promise<void> {
  const message = {
    id: 'asked',
    role: 'user',
    parts: [{ type: 'text', text: `turn=${turn} ${more}` }],
  }
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ id: `turn-${turn}`, messages: [message] }),
  })
  await response.text()
  if (response.status !== 202) throw new Error(`turn ${turn}: ${response.status}`)
}

/** Two readers with the same profile and two with others: they must share only the right encoding. */
const profiles = ['v7', 'v7', 'v6', 'v5']

async function follow(url: string, turn: number, nth: number): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs)
  const profile = profiles[nth % profiles.length]
  const path = `/api/chat/turn-${turn}/stream?profile=${profile}`
  const request = get(url + path, { agent })
  // `once` rejects if the request fails before the response.
  const [response]: IncomingMessage[] = await once(request, 'response', { signal })
  if (response?.statusCode !== 200) throw new Error(`turn ${turn}: ${response?.statusCode}`)
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const follower = { turn, body: '', begun: begun.promise, ended: ended.promise }
  response.setEncoding('utf8').on('data', (some: string) => {
    const now = performance.now()
    follower.body += some
    for (const [, at] of some.matchAll(/@(\d+\.\d+)@/g)) {
      delaysMs.push(now - Number(at))
      begun.resolve()
    }
  })
  // Any end is fine: the received tokens show whether the answer was whole.
  response.on('error', () => {})
  response.on('close', ended.resolve)
  followers.push(follower)
}

/** The reason why a follower did not get the whole answer. */
function lacking({ turn, body }: Follower): string | undefined {
  const data = body.match(/^data: .*$/gm) ?? []
  if (data.pop() !== 'data: [DONE]') return `turn ${turn}: no end after ${body.slice(-200)}`
  const heard = data.map((line) => deltaIn(line.slice('data: '.length))).join('')
  const wanted = said[turn]?.join('')
  return heard === wanted ? undefined : `turn ${turn}: heard ${heard}, but was told ${wanted}`
}

function deltaIn(json: string): string {
  const chunk = z.object({ type: z.string(), delta: z.string().optional() }).parse(JSON.parse(json))
  return chunk.type === 'text-delta' ? (chunk.delta ?? '') : ''
}

async function measure(ms: number): Promise<Delays> {
  delaysMs = []
  await delay(ms)
  const measured = delaysMs
  return {
    count: measured.length,
    p50Ms: percentile(measured, 0.5),
    p99Ms: percentile(measured, 0.99),
    mostMs: percentile(measured, 1),
  }
}

async function obey(question: unknown): Promise<Told> {
  const order = crowdSchema.parse(question)
  switch (order.do) {
    case 'open': {
      const address = upstream.address()
      if (address === null || typeof address === 'string') throw new Error('no TCP address')
      return { url: `http://127.0.0.1:${address.port}/v1` }
    }
    case 'ask': {
      const more = `of=${order.turns} pace=${order.paceMs}`
      await inTurn(order.turns, (turn) => ask(order.url, turn, more))
      return {}
    }
    case 'follow':
      await inTurn(order.turns * order.each, (index) =>
        follow(order.url, index % order.turns, Math.floor(index / order.turns)),
      )
      await Promise.all(followers.map(({ begun }) => begun))
      return {}
    case 'measure':
      return { delays: await measure(order.ms) }
    case 'end': {
      silent.abort()
      await Promise.all(followers.map(({ ended }) => ended))
      return { lacking: followers.flatMap((follower) => lacking(follower) ?? []) }
    }
  }
}

answerCalls(obey)
