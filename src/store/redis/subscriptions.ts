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

/** How often a subscriber that hears nothing asks whether its connection still lives. */
const pingEveryMs = 5000

export function createSubscriptions(client: RedisClient, patience: Patience): Subscriptions {
  const channels = new Map<string, Channel>()
  const subscribe = (name: string) =>
    patiently(client, patience, async () => void (await client.ssubscribe(name)))

  client.on('smessage', (name: string) => {
    for (const hint of channels.get(name)?.hints ?? []) hint()
  })
  const hintAll = () => {
    for (const { hints } of channels.values()) for (const hint of hints) hint()
  }
  // A cluster client subscribes again by itself, to the node that now has the slot.
  client.on('subscribersReady', hintAll)
  client.on('ready', () => {
    if ('stream' in client)
      void Promise.all([...channels.keys()].map(subscribe)).then(hintAll, () => {})
    else hintAll()
  })
  const ping = setInterval(() => {
    // Who does not answer in time is disconnected, and comes back by 'ready'.
    if (channels.size > 0 && client.status === 'ready') client.ping().catch(() => {})
  }, pingEveryMs)
  ping.unref()

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
      clearInterval(ping)
      channels.clear()
    },
  }
}
