/**
 * Repeats a call while Redis is away, restarts or fails over, until a reply arrives or the time is over.
 * This is safe because every script may run twice (`part/reply.lua`). A caller that gets `unavailable`
 * does not know whether the call had its effect, and may repeat its request with the same ids.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { Redis } from 'ioredis'

import { LoomError } from '../../ground/error.ts'
import type { RedisClient } from './client.ts'

export interface Patience {
  /** The time limit of a call with all its attempts, in milliseconds. The last attempt may end a little later. */
  patienceMs: number
  /** Ends every wait. */
  signal: AbortSignal
  /** Called when Redis takes no writes, because it is full or its disk fails. The connection stays open. */
  onRefusal?: () => void
}

/** Errors that mean "not now": Redis changed nothing. The text is the reason that a client gets. */
const transient = new Map([
  ['READONLY', 'Redis is read-only'],
  ['LOADING', 'Redis is loading its data'],
  ['MASTERDOWN', 'Redis has no master'],
  ['CLUSTERDOWN', 'The Redis cluster is down'],
  ['TRYAGAIN', 'Redis is busy'],
  ['NOREPLICAS', 'Redis has too few replicas'],
  ['BUSY', 'Redis is busy'],
  ['MOVED', 'The Redis cluster moves its data'],
  ['ASK', 'The Redis cluster moves its data'],
])

/** The reason of a call that got no reply until its deadline. */
const reasonOf = (error: unknown) => transient.get(replyCode(error) ?? '') ?? 'Redis is away'

/** Errors that last until an operator repairs the server. */
const refusals = new Set(['OOM', 'MISCONF', 'NOAUTH', 'NOPERM', 'WRONGPASS'])

/** Those of a Redis that takes no writes. */
const unwritable = new Set(['OOM', 'MISCONF'])

/** @throws LoomError `unavailable`, or `internal` if a script failed */
export async function patiently<VALUE>(
  client: RedisClient,
  { patienceMs, signal, onRefusal }: Patience,
  send: () => Promise<VALUE>,
  key?: string,
): Promise<VALUE> {
  const deadline = performance.now() + patienceMs
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    try {
      if (client.status !== 'ready') await ready(client, deadline, signal)
      return await send()
    } catch (error) {
      if (unwritable.has(replyCode(error) ?? '')) onRefusal?.()
      const next = afterFailure(client, error, key)
      if (next !== 'again') throw next
      if (signal.aborted) throw unavailable('The store was closed', error)
      if (performance.now() + pauseMs >= deadline) throw unavailable(reasonOf(error), error)
      await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
    }
  }
}

/** @param key the first key of the command, for the log: no client gets the text of an `internal` error */
function afterFailure(client: RedisClient, error: unknown, key?: string): LoomError | 'again' {
  if (error instanceof LoomError) return error
  const code = replyCode(error)
  if (code === undefined) return 'again'
  if (code === 'READONLY' && 'stream' in client) leaveReplica(client)
  if (transient.has(code)) return 'again'
  if (refusals.has(code)) return unavailable('Redis refuses the request', error)
  const keys = key === undefined ? '' : ` on ${key} and the keys beside it`
  const cause = withoutCommand(error)
  return new LoomError('internal', `A command of Redis failed${keys}.`, { cause })
}

/** The time of the last new connection because of a read-only server, by client. */
const leftAt = new WeakMap<RedisClient, number>()

/** The shortest time between two such connections, in milliseconds. */
const leaveEveryMs = 2000

/**
 * Connects again: a connection that was open at a failover leads to a former master. A server that stays
 * read-only would otherwise get a new connection for every write, and no read would finish.
 */
function leaveReplica(client: Redis): void {
  const now = performance.now()
  if (now - (leftAt.get(client) ?? -Infinity) < leaveEveryMs) return
  leftAt.set(client, now)
  client.disconnect(true)
}

/** Returns the code of an error reply: its first word. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return error.message.split(' ', 1)[0]
}

/** Whether another program stored a value of another type under a key of Loom. */
export const isWrongType = (error: unknown): boolean =>
  error instanceof LoomError &&
  error.code === 'internal' &&
  error.cause instanceof Error &&
  /\bWRONGTYPE\b/.test(error.cause.message)

/** Resolves when the client accepts commands. */
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

/** Removes the command from an error of the client, because it contains messages of a user. */
function withoutCommand(error: unknown): unknown {
  return error instanceof Error && 'command' in error ? new Error(error.message) : error
}

/**
 * The cause is the reply of Redis. Only the server log contains the cause; clients get only the
 * message.
 */
export function unavailable(message: string, cause?: unknown): LoomError {
  return new LoomError('unavailable', `${message}: send it again later, with the same ids.`, {
    cause: withoutCommand(cause),
    retryable: true,
    retryAfterMs: 1000,
  })
}
