/** Clients that send or read slowly, or send too much, and never let go of a connection. */
import { connect, type Socket } from 'node:net'

import { expect, it, onTestFinished } from 'vitest'

import { listen, type ListenOptions } from '../src/server/listen.ts'
import { within } from './deadline.ts'

/** A server that reads the whole body of each request. */
async function open(options: Partial<ListenOptions>): Promise<{ url: URL; reached: () => number }> {
  let count = 0
  const server = await listen(
    async (request) => {
      count += 1
      return new Response(String((await request.text()).length))
    },
    { host: '127.0.0.1', port: 0, ...options },
  )
  onTestFinished(() => server.stop(0))
  return { url: new URL(server.url), reached: () => count }
}

function dial({ port, hostname }: URL): { socket: Socket; answer: Promise<string> } {
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  // The server may reset a connection while the test still writes.
  socket.on('error', () => {})
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  const answer = within(10_000, 'the end of the connection', closed).then(() => text)
  return { socket, answer }
}

/** Writes one character every 20 ms until the connection ends. */
function drip(socket: Socket, character: string): void {
  const timer = setInterval(() => socket.write(character), 20)
  socket.once('close', () => clearInterval(timer))
}

it('a head that never ends loses its connection', async () => {
  const { url, reached } = await open({ headMs: 400 })
  const { socket, answer } = dial(url)
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  drip(socket, 'a')
  // The reset of a connection to which the client still writes may hide the status.
  expect(await answer).not.toContain('HTTP/1.1 200')
  expect(reached()).toBe(0)
})

it('a body that never ends loses its connection', async () => {
  const { url } = await open({ requestMs: 600 })
  const { socket, answer } = dial(url)
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n')
  drip(socket, 'a')
  expect(await answer).not.toContain('HTTP/1.1 200')
})

it('a connection without a request ends', async () => {
  const { url } = await open({ headMs: 400 })
  expect(await dial(url).answer).toMatch(/^(?:HTTP\/1\.1 408 |$)/)
})

it('a flood of headers is refused with 431', async () => {
  const { url, reached } = await open({})
  const { socket, answer } = dial(url)
  const headers = Array.from({ length: 1000 }, (_, index) => `X-Header-${index}: ${index}\r\n`)
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${headers.join('')}\r\n`)
  expect(await answer).toMatch(/^HTTP\/1\.1 431 /)
  expect(reached()).toBe(0)
})

it('an incomplete head is answered with 408, and a usual request is answered meanwhile', async () => {
  const { url } = await open({ headMs: 400 })
  const { socket, answer } = dial(url)
  socket.write('GET / HTTP/1.1\r\nX-Slow: ')
  const response = await fetch(url, { method: 'POST', body: 'words' })
  expect(await response.text()).toBe('5')
  expect(await answer).toContain('408')
})
