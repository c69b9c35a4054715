/**
 * The connections to Redis: one for commands, one for hints, and one for heartbeats and their queries (a
 * cluster has these for each node). Heartbeats have their own because Redis replies in the order of the
 * commands: a heartbeat behind thousands of commands is seconds late, and another instance then takes
 * the turns over.
 * The client queues no commands, and sends none again after a connection broke: the caller gets the error
 * at once and decides. (A cluster client does repeat a command if a node is lost. Nonces and entry ids
 * make this harmless.)
 */
import { hostname } from 'node:os'

import { Cluster, Redis } from 'ioredis'
import type { ClusterOptions, RedisOptions } from 'ioredis'

import type { RedisAddress } from './url.ts'

export type RedisClient = Redis | Cluster

// The option `replyMapping` changes the types of the clients. Scripts return text with any value of it.
type NodeOptions = Omit<RedisOptions, 'replyMapping'>
type NodesOptions = Omit<ClusterOptions, 'replyMapping' | 'redisOptions'> & {
  redisOptions: NodeOptions
}

export interface Clients {
  commands: RedisClient
  subscriber: RedisClient
  /** Only for heartbeats, their queries and takeovers. */
  heartbeat: RedisClient
}

export interface ClientOptions {
  /** The time limit of one reply, in milliseconds. */
  commandTimeoutMs: number
  /** The first part of every key and every channel. It has no braces, because they would begin a hash tag. */
  keyPrefix: string
}

/** Makes the clients and does not connect them. */
export function createClients(address: RedisAddress, options: ClientOptions): Clients {
  if (address.kind === 'cluster') {
    const cluster = new Cluster([...address.hosts], clusterOptions(address, options, 'cluster'))
    const heartbeat = new Cluster([...address.hosts], {
      ...clusterOptions(address, options, 'heartbeat'),
      shardedSubscribers: false,
    })
    return { commands: cluster, subscriber: cluster, heartbeat }
  }
  const single = { ...redisOptions(address, options), ...placeOf(address) }
  return {
    commands: new Redis({ ...single, connectionName: nameOf('commands') }),
    subscriber: new Redis({ ...single, connectionName: nameOf('hints') }),
    heartbeat: new Redis({ ...single, connectionName: nameOf('heartbeat') }),
  }
}

/** The name of a connection in `CLIENT LIST`: it shows the operator the host, the process and the purpose. */
const nameOf = (use: string) => `loom:${hostname()}:${process.pid}:${use}`

function redisOptions(
  address: RedisAddress,
  { commandTimeoutMs, keyPrefix }: ClientOptions,
): NodeOptions {
  return {
    keyPrefix,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // ioredis 6.0.0: without it, commands that were in flight when a connection broke would never settle.
    maxRetriesPerRequest: 0,
    // The check sends INFO, which a managed Redis may forbid, and then writes to the console. `patiently`
    // does its work. But sentinels may name a former master.
    enableReadyCheck: address.kind === 'sentinel',
    // `subscriptions.ts` does this: the client would leave rejected promises uncaught.
    autoResubscribe: false,
    commandTimeout: commandTimeoutMs,
    // A connection that died silently is closed before its commands time out.
    socketTimeout: commandTimeoutMs * 0.8,
    connectTimeout: commandTimeoutMs,
    disconnectTimeout: 200,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.tls && { tls: {} }),
  }
}

function placeOf(address: RedisAddress): NodeOptions {
  const [host] = address.hosts
  if (address.kind === 'single') return { ...host, db: address.db }
  return {
    sentinels: [...address.hosts],
    name: address.name ?? '',
    db: address.db,
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelCommandTimeout: 2000,
    ...(address.tls && { enableTLSForSentinelMode: true }),
    ...(address.sentinelUsername !== undefined && { sentinelUsername: address.sentinelUsername }),
    ...(address.sentinelPassword !== undefined && { sentinelPassword: address.sentinelPassword }),
  }
}

function clusterOptions(
  address: RedisAddress,
  options: ClientOptions,
  use: 'cluster' | 'heartbeat',
): NodesOptions {
  const { retryStrategy: _, lazyConnect: __, keyPrefix, ...node } = redisOptions(address, options)
  return {
    // The slot depends on the whole key, so the client of a cluster must know the prefix.
    keyPrefix,
    lazyConnect: true,
    enableOfflineQueue: false,
    redisOptions: { ...node, connectionName: nameOf(use) },
    clusterRetryStrategy: reconnectDelayMs,
    // Finds a new master before a command fails.
    slotsRefreshInterval: 5000,
    slotsRefreshTimeout: 2000,
    shardedSubscribers: true,
  }
}

/** The first delays are short, because a restart is quick. They have jitter, because every instance reconnects. */
function reconnectDelayMs(times: number): number {
  return Math.min(20 * 2 ** Math.min(times, 6), 1000) * (0.5 + Math.random() / 2)
}

/** Makes one write to each server of all commands that `send` sends. */
export function together(client: RedisClient, send: () => void): void {
  const servers = 'nodes' in client ? client.nodes('master') : [client]
  // A client that is still connecting has no stream.
  const streams = servers.flatMap(({ stream }: { stream?: Redis['stream'] }) => stream ?? [])
  for (const stream of streams) stream.cork()
  try {
    send()
  } finally {
    for (const stream of streams) stream.uncork()
  }
}
