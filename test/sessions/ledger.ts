/**
 * The outside world of the tools: it records every effect, and holds a tool before or after its effect,
 * so that a test knows at which place its server is killed.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

import { within } from '../deadline.ts'
import { localhost, portOf } from '../redis/server.ts'
import { until } from '../redis/until.ts'

/** The reports of a tool, in this order. Only a tool with steps has a second effect. */
export type Point = 'before' | 'effect' | 'between' | 'second' | 'done'

export interface Ledger extends AsyncDisposable {
  url: string
  /** The idempotency key of every effect of a session. */
  effectsOf(chatId: string): string[]
  /** Holds the first tool that reaches this point in a session, for good. */
  holdAt(chatId: string, point: Point): void
  /** Waits until a tool is held there. */
  held(chatId: string): Promise<void>
  /** Waits until the held tool has ended. */
  left(chatId: string): Promise<void>
}

export async function openLedger(): Promise<Ledger> {
  const effects: { chatId: string; key: string }[] = []
  const holding = new Map<string, Point>()
  const held = new Map<string, ServerResponse>()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://ledger')
    const key = searchParams.get('key') ?? ''
    const [chatId = ''] = key.split(':')
    const point = pathname.slice(1)
    if (point === 'effect' || point === 'second') effects.push({ chatId, key })
    if (holding.get(chatId) === point) {
      holding.delete(chatId)
      held.set(chatId, response)
    } else {
      response.end()
    }
  }).listen(0, localhost)
  await once(server, 'listening')
  return {
    url: `http://${localhost}:${portOf(server)}`,
    effectsOf: (chatId) =>
      effects.filter((effect) => effect.chatId === chatId).map(({ key }) => key),
    holdAt: (chatId, point) => void holding.set(chatId, point),
    held: (chatId) => until(10_000, 'a tool is held', () => held.has(chatId)),
    left: (chatId) =>
      until(5000, 'the tool has given up', () => held.get(chatId)?.destroyed === true),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await within(5000, 'the end of the ledger', once(server, 'close'))
    },
  }
}
