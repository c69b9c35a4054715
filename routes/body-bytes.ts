/** The bytes of a posted body, and how their sender learns that they are refused. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { JsonFault } from '../src/ground/json/syntax.ts'
import { bodyLimits, tooLarge } from './body-limits.ts'

/** A slice is short enough that the event loop turns between two. */
const sliceBytes = 64 * 1024
const turnEveryMs = 5

/** How long, and how much of, a body that is refused is read, so that its sender reads the answer. */
const drainMs = 30_000
const drainSilenceMs = 1000
const drainBytes = 1024 * 1024 * 1024

/**
 * Gives the body to `take`, a slice at a time, without holding up the event loop.
 *
 * A client that still writes when its connection is closed sees a reset instead of the answer
 * (RFC 9112, 9.6). So the rest of a refused body is read and dropped before the answer is sent.
 * @throws LoomError `aborted`, `payload-too-large`, and what `take` throws
 */
export async function readSlices(c: Context, take: (slice: Uint8Array) => void): Promise<void> {
  const announced = Number(c.req.header('content-length') ?? 0)
  const chunks = chunksOf(c, announced)
  let size = 0
  let refusal: Error | undefined = announced > bodyLimits.bodyBytes ? bodyTooLarge() : undefined
  let turnedAt = performance.now()
  while (refusal === undefined) {
    const { value: chunk, done } = await chunks.next()
    if (done === true) return
    size += chunk.length
    if (size > bodyLimits.bodyBytes) refusal = bodyTooLarge()
    // RFC 8259, 8.1: a byte order mark may be ignored. PowerShell and Excel write one.
    const begin = size === chunk.length && startsWithMark(chunk) ? 3 : 0
    for (let at = begin; refusal === undefined && at < chunk.length; at += sliceBytes) {
      refusal = refusalBy(take, chunk.subarray(at, at + sliceBytes))
      if (size <= sliceBytes || performance.now() - turnedAt < turnEveryMs) continue
      await nextTurn()
      turnedAt = performance.now()
    }
  }
  size += await drain(chunks)
  if (Math.max(size, announced) <= bodyLimits.messageBytes) throw refusal
  c.header('Connection', 'close')
  // Of a large body the size is the news, not which byte of it is no JSON.
  if (refusal instanceof JsonFault) {
    throw tooLarge('The body, which is no JSON,', bodyLimits.messageBytes)
  }
  throw refusal
}

const startsWithMark = ([first, second, third]: Uint8Array) =>
  first === 0xef && second === 0xbb && third === 0xbf

const bodyTooLarge = () => tooLarge('The body', bodyLimits.bodyBytes)

function refusalBy(take: (slice: Uint8Array) => void, slice: Uint8Array): Error | undefined {
  try {
    take(slice)
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Reads the rest, to its end or the limits; returns how much that was. */
async function drain(chunks: AsyncGenerator<Uint8Array>): Promise<number> {
  const deadline = performance.now() + drainMs
  const silence = Promise.withResolvers<undefined>()
  // A client that sends nothing waits for the answer.
  const timer = setTimeout(() => silence.resolve(undefined), drainSilenceMs)
  let size = 0
  try {
    while (size < drainBytes && performance.now() < deadline) {
      // One that breaks off is gone.
      const next = chunks.next().catch(() => undefined)
      const result = await Promise.race([next, silence.promise])
      if (result === undefined || result.done === true) break
      size += result.value.length
      timer.refresh()
    }
  } finally {
    clearTimeout(timer)
  }
  return size
}

async function* chunksOf(c: Context, announced: number): AsyncGenerator<Uint8Array> {
  try {
    // Nearly every body is small, and a stream costs more than to read it whole.
    if (announced > 0 && announced <= sliceBytes) yield new Uint8Array(await c.req.arrayBuffer())
    else for await (const chunk of c.req.raw.body ?? []) yield chunk
  } catch (cause) {
    throw new LoomError('aborted', 'The request ended before its body did.', { cause })
  }
}
