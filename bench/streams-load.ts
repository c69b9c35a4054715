/**
 * The clients of `streams.ts`: each holds one open stream over a plain socket. They are a process of their
 * own, so that the memory and the handles of the server contain nothing of them.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

import { z } from 'zod'

import { answerCalls } from './call.ts'

const orderSchema = z.object({
  port: z.number(),
  sessions: z.number(),
  /** The streams that are open after this order. */
  streams: z.number(),
  /** Then so many streams of each second are closed and opened again, for `ms`. */
  perSecond: z.number(),
  ms: z.number(),
})

/** The result of an order. */
export const loadReportSchema = z.object({
  open: z.number(),
  opened: z.number(),
  /** Streams that the server refused or ended. */
  lost: z.number(),
  bytes: z.number(),
})

const openAtOnce = 50
const tickMs = 50

const open: Socket[] = []
let opened = 0
let lost = 0
let bytes = 0

async function openStream(port: number, sessions: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  const path = `/api/chat/s${opened++ % sessions}/stream`
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
  const [head]: unknown[] = await once(socket, 'data', { signal: AbortSignal.timeout(60_000) })
  if (!String(head).startsWith('HTTP/1.1 200 ')) throw new Error(String(head).slice(0, 500))
  open.push(socket)
  socket.on('data', (data) => (bytes += data.length))
  socket.on('error', () => {})
  socket.on('close', () => {
    const index = open.indexOf(socket)
    if (index < 0) return
    open.splice(index, 1)
    lost++
  })
}

async function openAll(count: number, port: number, sessions: number): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) await openStream(port, sessions)
  }
  await Promise.all(Array.from({ length: openAtOnce }, worker))
}

/** Closes any streams. The server learns it from the connection, as from a closed tab. */
function closeSome(count: number): void {
  for (let index = 0; index < count && open.length > 0; index++) {
    const [socket] = open.splice(Math.floor(Math.random() * open.length), 1)
    socket?.destroy()
  }
}

answerCalls(async (question): Promise<z.infer<typeof loadReportSchema>> => {
  const { port, sessions, streams, perSecond, ms } = orderSchema.parse(question)
  closeSome(open.length - streams)
  await openAll(streams - open.length, port, sessions)
  const until = performance.now() + ms
  let owed = 0
  while (performance.now() < until) {
    await pause(tickMs)
    owed += (perSecond * tickMs) / 1000
    const count = Math.floor(owed)
    owed -= count
    closeSome(count)
    await openAll(streams - open.length, port, sessions)
  }
  return { open: open.length, opened, lost, bytes }
})
