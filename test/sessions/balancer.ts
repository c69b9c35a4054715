/**
 * A balancer like the one of `docker-compose.yml`. It uses the instances in turn and buffers nothing.
 * If an instance is missing or answers 503, it asks the next one, also for a POST, because a message
 * that is posted twice is one message.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

import { within } from '../deadline.ts'
import { localhost } from '../redis/server.ts'

export interface Balancer extends AsyncDisposable {
  url: string
}

/** @param urls read for every request, because instances come and go */
export async function openBalancer(urls: () => readonly string[]): Promise<Balancer> {
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const bytes: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => bytes.push(chunk))
    incoming.on('end', () => {
      const list = urls()
      const from = turn++
      const order = list.map((_, index) => list[(from + index) % list.length] ?? '')
      void pass(order, incoming, { body: Buffer.concat(bytes), outgoing })
    })
  }).listen(0, localhost)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return {
    url: `http://${localhost}:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await within(5000, 'the end of the balancer', once(server, 'close'))
    },
  }
}

async function pass(
  order: readonly string[],
  incoming: IncomingMessage,
  { body, outgoing }: { body: Buffer; outgoing: ServerResponse },
): Promise<void> {
  for (const [index, url] of order.entries()) {
    const answer = await ask(url, incoming, body)
    const status = answer?.statusCode ?? 502
    const isLast = index === order.length - 1
    if ((status === 502 || status === 503) && !isLast) {
      answer?.resume()
      continue
    }
    outgoing.writeHead(status, answer?.headers)
    if (answer === undefined) return void outgoing.end()
    answer.pipe(outgoing)
    // A partial response is a broken connection and not an end.
    answer.on('error', () => outgoing.destroy())
    outgoing.on('close', () => answer.destroy())
    return
  }
}

async function ask(
  url: string,
  { method, headers, url: path }: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage | undefined> {
  const asking = request(url + (path ?? '/'), { method, headers })
  const answered = Promise.withResolvers<IncomingMessage | undefined>()
  asking.on('response', answered.resolve)
  asking.on('error', () => answered.resolve(undefined))
  asking.end(body)
  return answered.promise
}
