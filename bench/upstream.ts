/**
 * The upstream: an OpenAI-compatible server that answers each order with the same bytes, all at
 * once or paced. It stores the time of each write. It runs as a process of its own, and a parent
 * asks for these times.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

import { closing, opening, tokenEvent } from './answer.ts'
import { answerCalls } from './call.ts'
import { now } from './clock.ts'
import { readOrder } from './order.ts'
import type { Order } from './order.ts'
import type { Stamp } from './protocol.ts'

const events: Buffer[] = []
const stamps: Stamp[] = []

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    response.destroy(error instanceof Error ? error : new Error(String(error)))
  })
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const receivedAt = now()
  const order = readOrder(await text(request))
  if (order === null) {
    response.writeHead(400).end('No order in the request.')
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const stamp: Stamp = { id: order.id, receivedAt, firstAt: 0, sentAt: [] }
  stamps.push(stamp)
  if (order.rate === 0) await sendAtOnce(order, response, stamp)
  else await sendPaced(order, response, stamp)
  response.end()
}

async function sendAtOnce(order: Order, response: ServerResponse, stamp: Stamp): Promise<void> {
  if (order.waitMs > 0) await pause(order.waitMs)
  response.write(opening)
  stamp.firstAt = now()
  for (let index = 0; index < order.tokens && !response.destroyed; index++) {
    // Each event is a chunk of the body, as providers send them. Node joins the chunks of a tick in
    // one write to the socket.
    const taken = response.write(eventOf(index))
    if (!taken) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.write(closing(order.tokens))
}

async function sendPaced(order: Order, response: ServerResponse, stamp: Stamp): Promise<void> {
  response.write(opening)
  // The pace follows the clock and not the last token, so that a late timer does not slow the
  // stream.
  const startAt = now() + order.waitMs
  for (let index = 0; index < order.tokens && !response.destroyed; index++) {
    const dueIn = startAt + (index * 1000) / order.rate - now()
    if (dueIn > 0) await pause(dueIn)
    const sentAt = now()
    if (index === 0) stamp.firstAt = sentAt
    stamp.sentAt.push(sentAt)
    response.write(eventOf(index))
  }
  response.write(closing(order.tokens))
}

/** The bytes are the same for every contender and are created once. */
function eventOf(index: number): Buffer {
  return (events[index] ??= Buffer.from(tokenEvent(index)))
}

answerCalls(() => stamps.splice(0))
server.listen(Number(process.argv[2]), '127.0.0.1')
