/**
 * Failed authentications: each is counted and reported, and the answers to one address become slower with every
 * failure. A valid credential is never delayed. The memory is bounded: the address with the oldest failure is
 * forgotten first.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** A failed authentication. */
export interface AuthenticationFailure {
  /** The address of the connection, which may be that of a proxy; '' if the runtime does not tell it. */
  address: string
  /** Why the request was refused. It does not contain the credential. */
  reason: string
  /** The number of failures of this address without a pause of `forgetMs`. */
  count: number
}

/** The number of addresses that are remembered. */
const addressesMax = 10_000

/** The time without a failure after which an address is forgotten, in milliseconds. */
const forgetMs = 60_000

/** The failures of an address that are not delayed. */
const freeFailures = 5

/** The delay of the first slow answer, which doubles with each failure, and the longest one, in milliseconds. */
const firstDelayMs = 50
const delayMaxMs = 2000

/** The number of answers that wait at once. More of them do not wait, so that they hold no memory. */
const waitingMax = 1000

export class FailureDelays {
  readonly #failures = new Map<string, { count: number; at: number }>()
  readonly #onFailure: (failure: AuthenticationFailure) => void
  #waiting = 0

  constructor(onFailure: (failure: AuthenticationFailure) => void) {
    this.#onFailure = onFailure
  }

  /** Notes a failure, and waits before its answer. */
  async note(c: Context<{ Bindings?: Partial<HttpBindings> }>, reason: string): Promise<void> {
    const address = c.env?.incoming?.socket.remoteAddress ?? ''
    const count = this.#count(networkOf(address))
    this.#onFailure({ address, reason, count })
    const waitMs = Math.min(firstDelayMs * 2 ** (count - freeFailures - 1), delayMaxMs)
    if (count <= freeFailures || this.#waiting >= waitingMax) return
    this.#waiting += 1
    // The client may go away meanwhile.
    await delay(waitMs, undefined, { signal: c.req.raw.signal }).catch(() => {})
    this.#waiting -= 1
  }

  #count(network: string): number {
    const now = performance.now()
    const before = this.#failures.get(network)
    const count = before === undefined || now - before.at > forgetMs ? 1 : before.count + 1
    // Moves it to the end, because a map keeps the order of insertion.
    this.#failures.delete(network)
    this.#failures.set(network, { count, at: now })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > addressesMax && oldest !== undefined) this.#failures.delete(oldest)
    return count
  }
}

/** One client can use all addresses of its IPv6 network, which has 64 bits. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  if (tail === undefined) return groups.slice(0, 4).join(':')
  return [...groups, '', '', '', ''].slice(0, 4).join(':')
}
