/**
 * Hints by sharded pub/sub: one channel for each session and topic, for any number of listeners in this
 * process. Messages that were published while the connection was lost are gone, so every listener gets a
 * hint when the connection is back.
 */
import type { RedisClient } from './client.ts'
import { patiently } from './patience.ts'
import type { Patience } from './patience.ts'

export interface Subscriptions {
  /**
   * Resolves when the subscription is active. `hint` receives the message, or undefined when the connection is back.
   */
  add(channel: string, hint: Hint): Promise<() => void>
  close(): void
}

type Hint = (message?: string) => void

interface Channel {
  hints: Set<Hint>
  /** Settles when the server has accepted the subscription. */
  standing: Promise<void>
}

/** The interval of the check whether the connection is alive, and of new attempts to subscribe, in milliseconds. */
const checkEveryMs = 5000

export function createSubscriptions(client: RedisClient, patience: Patience): Subscriptions {
  // The client adds the prefix when it subscribes, and leaves it on the messages.
  const { keyPrefix = '' } = client.options
  const channels = new Map<string, Channel>()
  const subscribe = (name: string) =>
    patiently(client, patience, async () => void (await client.ssubscribe(name)))

  client.on('smessage', (name: string, message: string) => {
    for (const hint of channels.get(name.slice(keyPrefix.length))?.hints ?? []) hint(message)
  })
  const hintAll = () => {
    for (const { hints } of channels.values()) for (const hint of hints) hint()
  }

  // The client of a cluster subscribes again by itself, but it gives up after a refusal, for example by a
  // node that is still starting.
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
    // A server that does not answer in time is disconnected, and 'ready' follows.
    else if (channels.size > 0 && client.status === 'ready') client.ping().catch(() => {})
  }, checkEveryMs)
  check.unref()

  const remove = (name: string, channel: Channel, hint: Hint) => {
    if (!channel.hints.delete(hint) || channel.hints.size > 0) return
    if (channels.get(name) !== channel) return
    channels.delete(name)
    // If this fails, the connection is lost, and the subscription with it.
    if (client.status === 'ready') client.sunsubscribe(name).catch(() => {})
  }

  return {
    async add(name, listener) {
      // A new function, so that the same listener twice is two subscriptions.
      const hint: Hint = (message) => listener(message)
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
