/**
 * What becomes of a call while Redis is away, restarts or fails over: it is made again until it is
 * answered or patience is at an end. That is safe because every script may run twice (`part/reply.lua`);
 * a caller that gets `unavailable` does not know whether it happened, and may ask again with the
 * same ids.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../../ground/error.ts'
import type { RedisClient } from './client.ts'

export interface Patience {
  /** How long a call may take in all, in milliseconds; the last attempt may end a little later. */
  patienceMs: number
  /** Ends every wait. */
  signal: AbortSignal
}

/** Answers that say "not now", before anything was changed. */
const transient = new Set([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'NOREPLICAS',
  'BUSY',
  'MOVED',
  'ASK',
])

/** Answers that say "not at all", until somebody mends the server. */
const refusals = new Set(['OOM', 'MISCONF', 'NOAUTH', 'NOPERM', 'WRONGPASS'])

/** @throws LoomError `unavailable`, or `internal` where a script failed */
export async function patiently<VALUE>(
  client: RedisClient,
  { patienceMs, signal }: Patience,
  send: () => Promise<VALUE>,
): Promise<VALUE> {
  const deadline = performance.now() + patienceMs
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    try {
      if (client.status !== 'ready') await ready(client, deadline, signal)
      return await send()
    } catch (error) {
      const next = afterFailure(client, error)
      if (next !== 'again') throw next
      if (signal.aborted) throw unavailable('The store was closed', error)
      if (performance.now() + pauseMs >= deadline) throw unavailable('Redis is away', error)
      await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
    }
  }
}

function afterFailure(client: RedisClient, error: unknown): LoomError | 'again' {
  if (error instanceof LoomError) return error
  const code = replyCode(error)
  if (code === undefined) return 'again'
  // The master that this connection leads to is one no more.
  if (code === 'READONLY' && 'stream' in client) client.disconnect(true)
  if (transient.has(code)) return 'again'
  if (refusals.has(code)) return unavailable('Redis refuses what it is asked', error)
  return new LoomError('internal', 'A command of Redis failed.', { cause: withoutCommand(error) })
}

/** The code of an answer that is an error: its first word. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return error.message.split(' ', 1)[0]
}

/** Settles when the client can be written to. */
async function ready(client: RedisClient, deadline: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const leftMs = Math.max(0, deadline - performance.now())
  const timer = setTimeout(() => reject(unavailable('Redis is away')), leftMs)
  const onAbort = () => reject(unavailable('The store was closed'))
  client.once('ready', resolve)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    await promise
  } finally {
    clearTimeout(timer)
    client.off('ready', resolve)
    signal.removeEventListener('abort', onAbort)
  }
}

/** The client's errors carry the command that failed, and a user's messages with it. */
function withoutCommand(error: unknown): unknown {
  return error instanceof Error && 'command' in error ? new Error(error.message) : error
}

/** The answer of Redis is the cause, for the log alone: this message is for clients too. */
export function unavailable(message: string, cause?: unknown): LoomError {
  return new LoomError('unavailable', `${message}: send it again later, with the same ids.`, {
    cause: withoutCommand(cause),
    retryable: true,
    retryAfterMs: 1000,
  })
}
