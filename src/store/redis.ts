/**
 * The store in Redis, for several instances and for conversations that outlive them. It works with one
 * Redis, with one behind sentinels and with a cluster: Redis 7.0 or later, which does not evict keys.
 */
import { LoomError } from '../ground/error.ts'
import { type FieldsOf, refuseMisspeltFields } from '../ground/known-fields.ts'
import type { Store } from '../store.ts'
import { createAppends } from './redis/appends.ts'
import { redisAudit } from './redis/audit.ts'
import { type Connection, connect } from './redis/connection.ts'
import { redisErasure } from './redis/erasure.ts'
import { formatKey, isLater, laterData } from './redis/format.ts'
import { redisInstances } from './redis/instances.ts'
import type { Limits } from './redis/limits.ts'
import { redisLogs } from './redis/logs.ts'
import { redisMailbox } from './redis/mailbox.ts'
import { MessageForm } from './redis/message-form.ts'
import { checkPermissions } from './redis/permissions.ts'
import { isRedisPrefix, redisPrefixRule } from './redis/prefix.ts'
import { redisRetention } from './redis/retention.ts'
import { redisSchedules } from './redis/schedules.ts'
import { checkServer } from './redis/server.ts'
import { redisSessions } from './redis/sessions.ts'
import { redisStatuses } from './redis/statuses.ts'
import { redisStorage } from './redis/storage.ts'
import { createSubscriptions } from './redis/subscriptions.ts'
import { redisTasks } from './redis/tasks.ts'
import { redisTurns } from './redis/turns.ts'
import { parseRedisUrl } from './redis/url.ts'

/**
 * The options of `openRedisStore`.
 * @example
 * ```ts
 * import type { RedisStoreOptions } from 'loomkit'
 *
 * const options: RedisStoreOptions = { url: 'redis+cluster://node1:6379,node2:6379', prefix: 'school' }
 * ```
 */
export interface RedisStoreOptions extends Partial<Limits> {
  /** The address: `redis://`, `rediss://`, `redis+cluster://` or `redis+sentinel://`. */
  url: string
  /**
   * The first part of the name of every key and channel, followed by a colon, so that several servers can
   * share one Redis: letters, digits and `. _ : -`. @defaultValue none
   */
  prefix?: string
  /**
   * The time that a call waits for an unreachable Redis before it fails with `unavailable`, in
   * milliseconds. @defaultValue 30000
   */
  patienceMs?: number
  /**
   * The time for which this version stores messages as version 0.1 does, so that you can return to that version, in
   * milliseconds. It begins when all instances on the Redis have a later version than 0.1. After it, the messages that
   * are stored take less memory, and version 0.1 cannot read their sessions. @defaultValue 86400000
   */
  rollbackMs?: number
  /** Receives notices for the operator. @defaultValue ignores them */
  report?: (notice: StoreNotice) => void
  /** Receives each command after its reply or its failure. It must not throw. @defaultValue ignores them */
  onCommand?: (command: StoreCommand) => void
}

/**
 * A command that a Redis store has sent. A repeated command counts each time.
 * @example
 * ```ts
 * import { openRedisStore, type StoreCommand } from 'loomkit'
 *
 * const slow: StoreCommand[] = []
 * const onCommand = (command: StoreCommand) => command.durationMs > 100 && slow.push(command)
 * const store = await openRedisStore({ url: 'redis://localhost:6379', onCommand })
 * ```
 */
export interface StoreCommand {
  /** The name of the script, such as `append`; `other` for a command that is no script. */
  name: string
  /** The time from the command to its reply, in milliseconds. */
  durationMs: number
  /** Whether the command failed. The first use of a script, which Redis does not know yet, is no failure. */
  failed: boolean
}

/**
 * A notice of a Redis store for the operator. `warning`: a setting of the Redis server that can lose data.
 * `connection-error`: the connection failed, the store connects again, and calls wait. `connected`: Redis
 * answers again.
 * @example
 * ```ts
 * import { openRedisStore, type StoreNotice } from 'loomkit'
 *
 * const report = (notice: StoreNotice) => process.emitWarning(JSON.stringify(notice))
 * const store = await openRedisStore({ url: 'redis://localhost:6379', report })
 * ```
 */
export type StoreNotice =
  /** A setting of the Redis server that can lose data. */
  | {
      type: 'warning'
      /** The setting, and the value that it must have. */
      message: string
    }
  /** The connection failed. The store connects again, and calls wait. */
  | {
      type: 'connection-error'
      /** The failure of the connection. */
      error: Error
    }
  /** The connection works again. */
  | { type: 'connected' }

const day = 24 * 60 * 60 * 1000

const optionFields: FieldsOf<RedisStoreOptions> = {
  url: true,
  prefix: true,
  patienceMs: true,
  rollbackMs: true,
  report: true,
  onCommand: true,
  sessionTtlMs: true,
  replyTtlMs: true,
  knownMax: true,
  branchesMax: true,
  branchedMax: true,
  indexMax: true,
}

/** @throws LoomError `invalid-config`, or `unavailable` if Redis does not answer in time */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  refuseMisspeltFields(options, {
    subject: 'The options of openRedisStore have',
    known: optionFields,
  })
  const { url, prefix = '', patienceMs = 30_000, rollbackMs = day, ...rest } = options
  const { report = () => {}, onCommand, ...others } = rest
  const limits: Limits = {
    sessionTtlMs: 30 * day,
    replyTtlMs: Math.max(180_000, patienceMs * 3),
    knownMax: 10_000,
    branchesMax: 100,
    branchedMax: 2000,
    indexMax: 10_000,
    ...others,
  }
  const address = parseRedisUrl(url)
  const connection = await connect(address, {
    patienceMs,
    keyPrefix: keyPrefixOf(prefix),
    onError: (error) => report({ type: 'connection-error', error }),
    onBack: () => report({ type: 'connected' }),
    onCommand,
  })
  try {
    for (const message of await checkServer(connection.clients.commands, address)) {
      report({ type: 'warning', message })
    }
    await checkPermissions(connection.clients, keyPrefixOf(prefix))
    const format = (await connection.send((client) => client.get(formatKey))) ?? ''
    if (isLater(format)) throw laterData('invalid-config', format)
  } catch (error) {
    connection.close()
    throw error
  }
  const append = createAppends(connection, { shared: address.kind !== 'cluster' })
  const subscriptions = createSubscriptions(connection.clients.subscriber, connection.patience)
  const form = new MessageForm(rollbackMs)
  const storeOn = (connection: Connection): Store => ({
    ...redisMailbox(connection, limits, form),
    ...redisTurns(connection, limits, form),
    append,
    ...redisSessions(connection, limits, form),
    ...redisSchedules(connection, limits),
    ...redisTasks(connection, limits),
    ...redisLogs(connection, subscriptions),
    ...redisInstances(connection, subscriptions, form),
    ...redisErasure(connection),
    ...redisStatuses(connection),
    ...redisAudit(connection),
    ...redisStorage(connection),
    ...redisRetention(connection),
    within: (ms) => storeOn(connection.within(ms)),
    async close() {
      subscriptions.close()
      connection.close()
    },
  })
  return storeOn(connection)
}

/** @throws LoomError `invalid-config` */
function keyPrefixOf(prefix: string): string {
  if (isRedisPrefix(prefix)) return prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`
  throw new LoomError('invalid-config', `A prefix of Redis keys ${redisPrefixRule}.`)
}
