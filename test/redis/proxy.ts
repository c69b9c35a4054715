/**
 * A TCP proxy before a Redis that breaks connections at the worst moment: when a command was carried
 * out and its answer is on the way, or when it was sent and not yet carried out. It can also hold back
 * all that passes, as a network does that is cut in two: what was sent meanwhile arrives in the end.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

import { localhost, portOf } from './server.ts'

export interface RedisProxy extends AsyncDisposable {
  url: string
  /** Breaks the connection that carries this text to Redis, once; `cuts` then has grown. */
  cut(text: string, when: 'before it is carried out' | 'before its answer'): void
  cuts(): number
  /** What was not cut yet is not cut any more. */
  disarm(): void
  /** From here on nothing passes, in either direction, and the connections stand. */
  hold(): void
  release(): void
}

export async function startProxy(port: number): Promise<RedisProxy> {
  let armed: { text: string; when: string } | undefined
  let cuts = 0
  let isHeld = false
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Of a connection that was broken on purpose.
    socket.on('error', () => {})
    return socket
  }
  const server = createServer((socket) => {
    const client = track(socket)
    const redis = track(connect(port, localhost))
    let isDoomed = false
    const end = () => {
      cuts += 1
      client.destroy()
      redis.destroy()
    }
    client.on('data', (bytes) => {
      if (armed !== undefined && bytes.includes(armed.text)) {
        const { when } = armed
        armed = undefined
        if (when === 'before it is carried out') return end()
        isDoomed = true
      }
      redis.write(bytes)
    })
    redis.on('data', (bytes) => {
      if (isDoomed) end()
      else client.write(bytes)
    })
    client.on('close', () => redis.destroy())
    redis.on('close', () => client.destroy())
    if (isHeld) for (const socket of [client, redis]) socket.pause()
  }).listen(0, localhost)
  await once(server, 'listening')
  return {
    url: `redis://${localhost}:${portOf(server)}`,
    cut: (text, when) => void (armed = { text, when }),
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
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
