import { connect } from 'node:net'
import type { Socket } from 'node:net'

import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { afterEach, describe, expect, it, vi } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { listen, type Listening } from '../src/server/listen.ts'
import { encoderOf } from '../src/wire/frames.ts'
import { frameOf, LargeFrame } from '../src/wire/large-frame.ts'
import { type ResponseOptions, ResponseSink } from '../src/wire/response.ts'

const start: AgentEvent = { type: 'start', messageId: 'm' }
const finish: AgentEvent = { type: 'finish', finishReason: 'stop' }
const delta = (text: string): AgentEvent => ({ type: 'text-delta', id: 't', delta: text })

const servers: Listening[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => server.stop(0)))
})

type Answer = (reply: ResponseSink) => unknown

const sinkOf = (c: Context, options: Partial<ResponseOptions> = {}) =>
  new ResponseSink(c, { encoder: encoderOf('ui', undefined), ...options })

/** A server whose answers come from `answer`, after the route has returned. */
async function serverOf(
  answer: Answer,
  options: Partial<ResponseOptions> = {},
  app = new Hono(),
): Promise<string> {
  app.get('/', (c) => {
    const reply = sinkOf(c, options)
    setImmediate(() => answer(reply))
    return reply.open()
  })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  servers.push(server)
  return server.url
}

interface Raw {
  socket: Socket
  /** All received bytes, with heads and chunk sizes. */
  text: () => string
  closed: () => boolean
}

/** A client that shows the bytes of the connection. */
function request(url: string, { read = true } = {}): Raw {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  let text = ''
  let closed = false
  socket.setEncoding('utf8')
  socket.on('close', () => (closed = true))
  socket.on('error', () => (closed = true))
  if (read) socket.on('data', (data) => (text += String(data)))
  else socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  return { socket, text: () => text, closed: () => closed }
}

/** The chunks of the body: one for each write. */
const chunksIn = (raw: string): string[] => {
  const chunks: string[] = []
  let rest = raw.slice(raw.indexOf('\r\n\r\n') + 4)
  for (let size = sizeOf(rest); size > 0; size = sizeOf(rest)) {
    const from = rest.indexOf('\r\n') + 2
    chunks.push(rest.slice(from, from + size))
    rest = rest.slice(from + size + 2)
  }
  return chunks
}

const sizeOf = (rest: string): number => Number.parseInt(rest, 16) || 0

const cleanEnd = '\r\n0\r\n\r\n'

describe('the response of a stream', () => {
  it('a stream has the headers of protocol and app', async () => {
    const app = new Hono()
    app.use(cors({ origin: (origin) => origin }))
    app.use(async (c, next) => {
      c.header('set-cookie', 'a=1')
      c.header('set-cookie', 'b=2', { append: true })
      await next()
      c.header('x-late', 'yes')
    })
    const url = await serverOf(
      (reply) => {
        void reply.send(start)
        void reply.send(finish)
        reply.end()
      },
      {},
      app,
    )
    const response = await fetch(url, { headers: { origin: 'https://example.com' } })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-vercel-ai-ui-message-stream': 'v1',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': 'https://example.com',
      'x-late': 'yes',
    })
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(response.headers.has('x-hono-already-sent')).toBe(false)
    expect(await response.text()).toMatch(/^id: \d+-0\.0\ndata: .*\n\ndata: \[DONE\]\n\n$/s)
  })

  it('a stream is complete after a copying middleware', async () => {
    const app = new Hono()
    app.use(cors())
    const url = await serverOf(
      (reply) => {
        void reply.send(start)
        // In a later write than the start.
        setImmediate(() => {
          void reply.send(finish)
          reply.end()
        })
      },
      {},
      app,
    )
    expect(await (await fetch(url)).text()).toContain('[DONE]')
  })

  it('events of one turn become one write', async () => {
    const url = await serverOf((reply) => {
      for (const text of ['a', 'b', 'c']) void reply.send(delta(text))
      setImmediate(() => {
        void reply.send(delta('d'))
        void reply.send(finish)
        reply.end()
      })
    })
    const client = request(url)
    await vi.waitFor(() => expect(client.text()).toContain(cleanEnd), 20_000)
    const [first, second, ...others] = chunksIn(client.text())
    expect(first?.match(/^data:/gm)).toHaveLength(3)
    expect(second?.match(/^data:/gm)).toHaveLength(3)
    expect(others).toEqual([])
  })

  it('the connection serves a second request', async () => {
    const url = await serverOf((reply) => {
      void reply.send(finish)
      reply.end()
    })
    const client = request(url)
    await vi.waitFor(() => expect(client.text()).toContain(cleanEnd), 20_000)
    client.socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await vi.waitFor(() => expect(client.text().split(cleanEnd)).toHaveLength(3), 20_000)
  })

  it('a silent stream gets comments', async () => {
    const url = await serverOf((reply) => void reply.send(start), { keepAliveMs: 20 })
    const client = request(url)
    await vi.waitFor(
      () => expect(client.text().split(': keep-alive\n\n').length).toBeGreaterThan(3),
      20_000,
    )
  })

  it('no comment is inside a frame', async () => {
    const rows = Array.from({ length: 60_000 }, (_, index) => ({ index, name: 'a row' }))
    const event: AgentEvent = { type: 'tool-output-available', toolCallId: 'c', output: rows }
    const encoder = encoderOf('ui', undefined)
    const url = await serverOf(
      async (reply) => {
        const frame = frameOf(encoder, event, '1-1.0')
        for (let each = 0; each < 5; each++) {
          if (frame instanceof LargeFrame) await reply.sendPieces(frame)
        }
        void reply.send(finish)
        reply.end()
      },
      { encoder, keepAliveMs: 1 },
    )
    const text = await (await fetch(url)).text()
    const data = text.split('\n').filter((line) => line.startsWith('data: {'))
    const chunks = data.map((line): unknown => JSON.parse(line.slice('data: '.length)))
    expect(chunks).toHaveLength(6)
    for (const chunk of chunks.slice(0, 5)) expect(chunk).toEqual(event)
  })

  it('the headers are sent before the first event', async () => {
    const url = await serverOf(() => {}, { encoder: encoderOf('text', undefined) })
    expect((await fetch(url)).headers.get('content-type')).toBe('text/plain; charset=utf-8')
  })
})

const endOf = async (
  events: readonly AgentEvent[],
  options: Partial<ResponseOptions> = {},
): Promise<string> => {
  const url = await serverOf((reply) => {
    for (const event of events) void reply.send(event)
    reply.end()
  }, options)
  const client = request(url)
  await vi.waitFor(() => {
    expect(client.closed() || client.text().includes(cleanEnd)).toBe(true)
  }, 20_000)
  return client.text()
}

describe('the end of a stream', () => {
  it('a stream with a finish ends complete', async () => {
    const text = await endOf([start, { type: 'error', errorText: 'no' }, finish])
    expect(text).toContain('data: [DONE]')
    expect(text).toContain(cleanEnd)
  })

  it('a stream without a finish is cut after its events', async () => {
    const text = await endOf([start, delta('x'.repeat(300_000)), delta('last words')])
    expect(text).toContain('last words')
    expect(text).not.toContain('[DONE]')
    expect(text).not.toContain(cleanEnd)
  })

  it('a failed text stream is cut', async () => {
    const text = await endOf([start, { type: 'error', errorText: 'sorry' }, finish], {
      encoder: encoderOf('text', undefined),
    })
    expect(text).toContain('[error] sorry')
    expect(text).not.toContain(cleanEnd)
  })
})

describe('a reader', () => {
  it('a disconnected reader is detected at once', async () => {
    const closed = Promise.withResolvers<unknown>()
    const url = await serverOf((reply) => {
      void reply.send(start)
      reply.closed.addEventListener('abort', () => closed.resolve(reply.closed.reason))
    })
    const client = request(url)
    await vi.waitFor(() => expect(client.text()).toContain('start'), 20_000)
    client.socket.destroy()
    expect(await closed.promise).toMatchObject({ code: 'aborted' })
  })

  it('a reader that left before the answer is detected', async () => {
    const asked = Promise.withResolvers<void>()
    const noticed = Promise.withResolvers<unknown>()
    const app = new Hono<{ Bindings: HttpBindings }>()
    app.get('/', async (c) => {
      asked.resolve()
      await new Promise((resolve) => c.env.outgoing.on('close', resolve))
      const reply = sinkOf(c)
      reply.closed.addEventListener('abort', () => noticed.resolve(reply.closed.reason))
      void reply.send(start)
      return reply.open()
    })
    const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
    servers.push(server)
    const client = request(server.url)
    await asked.promise
    client.socket.destroy()
    expect(await noticed.promise).toMatchObject({ code: 'aborted' })
  })

  it('a reader that does not read is dropped', async () => {
    const outcome = Promise.withResolvers<unknown>()
    let sends = 0
    const url = await serverOf(
      async (reply) => {
        reply.closed.addEventListener('abort', () => outcome.resolve(reply.closed.reason))
        // This is far more than the kernel's own buffers hold.
        while (!reply.closed.aborted && sends < 1000) {
          await reply.send(delta('x'.repeat(100_000)))
          sends++
        }
      },
      { maxBufferedBytes: 1_000_000, stallMs: 50 },
    )
    const client = request(url, { read: false })
    expect(await outcome.promise).toMatchObject({ message: expect.stringContaining('dropped') })
    expect(sends).toBeLessThan(1000)
    client.socket.resume()
    await vi.waitFor(() => expect(client.closed()).toBe(true), 20_000)
    expect(client.text()).not.toContain(cleanEnd)
  })

  it('a turn that does not wait drops its reader', async () => {
    const outcome = Promise.withResolvers<number>()
    const url = await serverOf(
      (reply) => {
        let sends = 0
        reply.closed.addEventListener('abort', () => outcome.resolve(sends))
        for (; sends < 1000; sends++) void reply.send(delta('x'.repeat(100_000)))
      },
      { maxBufferedBytes: 1_000_000, stallMs: 60_000 },
    )
    request(url, { read: false })
    expect(await outcome.promise).toBeLessThan(200)
  })

  it('a slow reader receives an event above the bound', async () => {
    const size = 12_000_000
    const url = await serverOf(
      async (reply) => {
        await reply.send(delta('x'.repeat(size)))
        await reply.send(delta('after'))
        await reply.send(finish)
        reply.end()
      },
      { maxBufferedBytes: 100_000, stallMs: 1000 },
    )
    // At this pace it takes at least two seconds, twice the stall limit of a reader.
    const client = request(url, { read: false })
    let length = 0
    let end = ''
    const slowly = setInterval(() => {
      const data = String(client.socket.read() ?? '')
      length += data.length
      if (data !== '') end = data.slice(-20)
    }, 10)
    await vi.waitFor(() => expect(end).toContain(cleanEnd), 60_000)
    clearInterval(slowly)
    expect(length).toBeGreaterThan(size)
  })
})

const responseOf = (answer: Answer, options: Partial<ResponseOptions> = {}) => {
  const app = new Hono()
  app.get('/', (c) => {
    c.header('x-own', 'kept')
    const reply = sinkOf(c, options)
    setImmediate(() => answer(reply))
    return reply.open()
  })
  return app.request('/')
}

describe('where there is no Node response', () => {
  it('without Node the stream is a Response body', async () => {
    const response = await responseOf((reply) => {
      void reply.send(start)
      void reply.send(finish)
      reply.end()
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('x-own')).toBe('kept')
    expect(await response.text()).toMatch(/"type":"start".*\[DONE\]\n\n$/s)
  })

  it('a stream without a finish fails after its last event', async () => {
    const response = await responseOf((reply) => {
      void reply.send(start)
      void reply.send(delta('last words'))
      reply.end()
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain('last words')
    await expect(reader?.read()).rejects.toThrow('cut off')
  })

  it('a cancellation of a reader is detected', async () => {
    let reply: ResponseSink | undefined
    const response = await responseOf((opened) => {
      reply = opened
      void opened.send(start)
    })
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect(reply?.closed.aborted).toBe(true)
  })

  it('a reader that reads nothing is dropped', async () => {
    const outcome = Promise.withResolvers<unknown>()
    const response = await responseOf(
      async (reply) => {
        reply.closed.addEventListener('abort', () => outcome.resolve(reply.closed.reason))
        for (let sends = 0; sends < 100; sends++) await reply.send(delta('x'.repeat(100_000)))
      },
      { maxBufferedBytes: 1_000_000, stallMs: 50 },
    )
    expect(await outcome.promise).toMatchObject({ message: expect.stringContaining('dropped') })
    await expect(response.text()).rejects.toThrow('cut off')
  })
})
