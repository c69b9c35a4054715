/**
 * Instances in Redis: a register with a deadline for each, and an index of the sessions that each must
 * run. They are in another slot than the sessions, so they are only hints.
 */
import type { InstanceStore } from '../instances.ts'
import type { Connection } from './connection.ts'
import { formatKey, isLater, laterData, latestFormat, storeFormat } from './format.ts'
import {
  agreedKey,
  compactingKey,
  escaped,
  leftChannel,
  notedKey,
  registerKey,
  sharingKey,
  unescaped,
  waitingFor,
} from './keys.ts'
import type { MessageForm } from './message-form.ts'
import type { Subscriptions } from './subscriptions.ts'

/** The TTL of the data of instances, in milliseconds. It does not depend on the TTL of sessions. */
const keptMs = 30 * 24 * 60 * 60 * 1000

/** The maximum number of arguments of one command. */
const chunk = 1000

export function redisInstances(
  connection: Connection,
  subscriptions: Subscriptions,
  form: MessageForm,
): InstanceStore {
  const register = registerKey
  const { apart } = connection

  async function adopt(from: string, to: string, limit: number): Promise<string[]> {
    if (from === to) return []
    const { sessions } = await connection.run(
      'adopt',
      { register, from: notedKey(from), to: notedKey(to) },
      { keptMs, instance: escaped(from), limit },
    )
    return sessions.map(unescaped)
  }

  return {
    async beat(instance, ttlMs) {
      const reply = await apart.run(
        'beat',
        {
          register,
          format: formatKey,
          sharing: sharingKey,
          compacting: compactingKey,
          agreed: agreedKey,
        },
        {
          keptMs,
          instance: escaped(instance),
          ttlMs,
          writes: form.isCompact ? latestFormat : storeFormat,
          reads: latestFormat,
        },
      )
      const { format, agreedMs } = reply
      form.note(agreedMs === '' ? undefined : Number(agreedMs))
      if (isLater(format)) throw laterData('unavailable', format)
    },

    async note(instance, sessionId) {
      const session = escaped(sessionId)
      await connection.run('note', { noted: notedKey(instance) }, { keptMs, session })
    },

    async forget(instance, sessionIds) {
      for (let at = 0; at < sessionIds.length; at += chunk) {
        const some = sessionIds.slice(at, at + chunk).map(escaped)
        await connection.send((client) => client.srem(notedKey(instance), ...some))
      }
    },

    async noted(instance) {
      const sessions = await connection.send((client) => client.smembers(notedKey(instance)))
      return sessions.map(unescaped)
    },

    async lapsed() {
      const { lapsed } = await apart.run('read-register', { register }, { instance: '' })
      return lapsed.map(unescaped)
    },

    adopt,

    async pass(sessionId, { from, agent }) {
      await connection.run(
        'pass',
        { register, from: notedKey(from), waiting: notedKey(waitingFor(agent)) },
        { keptMs, session: escaped(sessionId) },
      )
    },

    adoptWaiting: (agent, to, limit) => adopt(waitingFor(agent), to, limit),

    async leave(instance) {
      const noted = notedKey(instance)
      await connection.run('leave', { register, noted }, { instance: escaped(instance) })
    },

    async isAlive(instance) {
      const id = escaped(instance)
      const { alive } = await apart.run('read-register', { register }, { instance: id })
      return alive === '1'
    },

    async watchInstances(listener) {
      const unwatch = await subscriptions.add(leftChannel, (message) =>
        listener(message === undefined ? 'returned' : message === 'passed' ? 'passed' : 'left'),
      )
      // Subscriptions give a hint when their connection is back. The connection for commands may have been lost alone.
      const { commands } = connection.clients
      const onReady = () => listener('returned')
      commands.on('ready', onReady)
      return () => {
        commands.off('ready', onReady)
        unwatch()
      }
    },
  }
}
