/**
 * Hints by sharded pub/sub: one channel for each session and topic, however many listen to it here.
 * What was published while the connection was away is gone, so when it is back everybody gets a hint.
 */
import type { RedisClient } from './client.ts'
import { patiently } from './patience.ts'
import type { Patience } from './patience.ts'

export interface Subscriptions {
  /** Settles when the subscription stands. */
  add(channel: string, hint: () => void): Promise<() => void>
  close(): void
}

interface Channel {
  hints: Set<() => void>
  /** Settles when the server listens. */
  standing: Promise<void>
}

/** How often it is asked whether the connection still lives, and mended what could not be mended. */
const checkEveryMs = 5000

export function createSubscriptions(client: RedisClient, patience: Patience): Subscriptions {
  // The client adds the prefix when it subscribes, and leaves it on the messages.
  const { keyPrefix = '' } = client.options
  const channels = new Map<string, Channel>()
  const subscribe = (name: string) =>
    patiently(client, patience, async () => void (await client.ssubscribe(name)))

  client.on('smessage', (name: string) => {
    for (const hint of channels.get(name.slice(keyPrefix.length))?.hints ?? []) hint()
  })
  const hintAll = () => {
    for (const { hints } of channels.values()) for (const hint of hints) hint()
  }

  // A cluster's client does subscribe again by itself, but takes a refusal (a node that is still
  // starting refuses) for the end of it.
  let isStale = false
  const renew = async () => {
    const ends = await Promise.allSettled([...channels.keys()].map(subscribe))
    isStale = ends.some(({ status }) => status === 'rejected')
    hintAll()
  }
  client.on('ready', () => void renew())
  client.on('subscribersReady', () => void renew())
  const check = setInterval(() => {
    if (isStale) void renew()
    // Who does not answer in time is disconnected, and comes back by 'ready'.
    else if (channels.size > 0 && client.status === 'ready') client.ping().catch(() => {})
  }, checkEveryMs)
  check.unref()

  const remove = (name: string, channel: Channel, hint: () => void) => {
    if (!channel.hints.delete(hint) || channel.hints.size > 0) return
    if (channels.get(name) !== channel) return
    channels.delete(name)
    // Where this fails the connection is gone, and the subscription with it.
    if (client.status === 'ready') client.sunsubscribe(name).catch(() => {})
  }

  return {
    async add(name, listener) {
      // One's own, so that a function given twice is two subscriptions.
      const hint = () => listener()
      let channel = channels.get(name)
      if (channel === undefined) {
        channel = { hints: new Set(), standing: subscribe(name) }
        channels.set(name, channel)
      }
      channel.hints.add(hint)
      try {
        await channel.standing
      } catch (error) {
        remove(name, channel, hint)
        throw error
      }
      return () => remove(name, channel, hint)
    },
    close() {
      clearInterval(check)
      channels.clear()
    },
  }
}
