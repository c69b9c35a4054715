/**
 * Reads the bytes of a posted body. If the body is refused, its sender still receives the answer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { JsonFault } from '../src/ground/json/syntax.ts'
import { checkUnread, isKept } from '../src/wire/unread-body.ts'
import { bodyLimits, tooLarge } from './body-limits.ts'

/** A slice is so short that the event loop turns between two slices. */
const sliceBytes = 64 * 1024
const turnEveryMs = 5

/** Limits for reading the rest of a refused body, so that its sender receives the answer. */
const drainMs = 30_000
const drainSilenceMs = 1000
const drainBytes = 1024 * 1024 * 1024

/**
 * Passes the body to `take`, one slice at a time. The event loop turns between slices.
 *
 * A client that still writes when its connection is closed sees a reset instead of the answer (RFC
 * 9112, 9.6). So the rest of a refused body is read and dropped before the answer is sent.
 * @throws LoomError `aborted` or `payload-too-large`; `invalid-config` if a body parser has read the body
 * @throws the error that `take` throws
 */
export async function readSlices(c: Context, take: (slice: Uint8Array) => void): Promise<void> {
  checkUnread(c)
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
  // For a large body the error reports the size. The position of the first bad byte would not help.
  if (refusal instanceof JsonFault) {
    throw tooLarge('The body, which is not JSON,', bodyLimits.messageBytes)
  }
  throw refusal
}

/**
 * Passes bytes that have arrived to `take`, one slice at a time. The event loop turns between slices.
 * @throws the error that `take` throws
 */
export async function takeSlices(
  bytes: Uint8Array,
  take: (slice: Uint8Array) => void,
): Promise<void> {
  let turnedAt = performance.now()
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    take(bytes.subarray(at, at + sliceBytes))
    if (bytes.length <= sliceBytes || performance.now() - turnedAt < turnEveryMs) continue
    await nextTurn()
    turnedAt = performance.now()
  }
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

/** Reads the rest of the body, to its end or to the limits. Returns the number of bytes. */
async function drain(chunks: AsyncGenerator<Uint8Array>): Promise<number> {
  const deadline = performance.now() + drainMs
  const silence = Promise.withResolvers<undefined>()
  // A client that sends nothing more waits for the answer.
  const timer = setTimeout(() => silence.resolve(undefined), drainSilenceMs)
  let size = 0
  try {
    while (size < drainBytes && performance.now() < deadline) {
      // A client that closes the connection ends the body with an error.
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
    // Nearly every body is small, and a stream costs more than one read of the whole body.
    const isSmall = announced > 0 && announced <= sliceBytes
    if (isSmall || isKept(c)) yield new Uint8Array(await c.req.arrayBuffer())
    else for await (const chunk of c.req.raw.body ?? []) yield chunk
  } catch (cause) {
    throw new LoomError('aborted', 'The request ended before its body did.', { cause })
  }
}
