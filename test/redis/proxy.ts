/**
 * A TCP proxy in front of a Redis. It breaks a connection at the worst moment: after a command was sent
 * and before Redis runs it, or after Redis ran it and before its reply arrives. It can also hold all
 * bytes, as a network partition does: they arrive in the end.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

import { localhost, portOf } from './server.ts'

/** The moment at which a connection breaks. */
export type CutMoment = 'before it runs' | 'before its reply'

export interface RedisProxy extends AsyncDisposable {
  url: string
  /**
   * Breaks the connection that carries this text to Redis, once. `cuts` then returns one more. With
   * `hold`, no byte of a later connection passes until `release`.
   */
  cut(text: string, moment: CutMoment, options?: { hold: boolean }): void
  cuts(): number
  /** Cancels a cut that has not happened yet. */
  disarm(): void
  /** From now on no byte passes in either direction. The connections stay open. */
  hold(): void
  release(): void
  /** From now on each reply arrives this many milliseconds later. */
  slow(ms: number): void
}

export async function startProxy(port: number): Promise<RedisProxy> {
  let armed: { text: string; moment: CutMoment; hold: boolean } | undefined
  let cuts = 0
  let isHeld = false
  let delayMs = 0
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A connection that the test broke reports errors.
    socket.on('error', () => {})
    return socket
  }
  const server = createServer((socket) => {
    const client = track(socket)
    const redis = track(connect(port, localhost))
    let doom: typeof armed
    const end = ({ hold }: NonNullable<typeof armed>) => {
      cuts += 1
      if (hold) isHeld = true
      client.destroy()
      redis.destroy()
    }
    client.on('data', (bytes) => {
      if (armed !== undefined && bytes.includes(armed.text)) {
        const cut = armed
        armed = undefined
        if (cut.moment === 'before it runs') return end(cut)
        doom = cut
      }
      redis.write(bytes)
    })
    redis.on('data', (bytes) => {
      if (doom !== undefined) end(doom)
      else if (delayMs > 0) setTimeout(() => client.write(bytes), delayMs)
      else client.write(bytes)
    })
    client.on('close', () => redis.destroy())
    redis.on('close', () => client.destroy())
    if (isHeld) for (const socket of [client, redis]) socket.pause()
  }).listen(0, localhost)
  await once(server, 'listening')
  return {
    url: `redis://${localhost}:${portOf(server)}`,
    cut: (text, moment, { hold } = { hold: false }) => void (armed = { text, moment, hold }),
    cuts: () => cuts,
    disarm: () => void (armed = undefined),
    hold() {
      isHeld = true
      for (const socket of sockets) socket.pause()
    },
    release() {
      isHeld = false
      for (const socket of sockets) socket.resume()
    },
    slow: (ms) => void (delayMs = ms),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
