/**
 * The connections to Redis: one for commands, one for hints, and one for what says and asks which
 * instances are alive (a cluster has these for each node). The last is apart because answers come in
 * the order of the commands: a heartbeat that waits behind thousands of commands comes seconds late,
 * and another instance then takes its turns over.
 * No command waits in a queue of the client's, and none is sent again by it after a connection broke
 * (a cluster client does, when a node goes; nonces and entry ids make that harmless): who sent it is
 * told at once, and decides.
 */
import { hostname } from 'node:os'

import { Cluster, Redis } from 'ioredis'
import type { ClusterOptions, RedisOptions } from 'ioredis'

import type { RedisAddress } from './url.ts'

export type RedisClient = Redis | Cluster

// What they map replies to decides the clients' types; scripts answer text either way.
type NodeOptions = Omit<RedisOptions, 'replyMapping'>
type NodesOptions = Omit<ClusterOptions, 'replyMapping' | 'redisOptions'> & {
  redisOptions: NodeOptions
}

export interface Clients {
  commands: RedisClient
  subscriber: RedisClient
  /** Carries heartbeats, the questions about them, and takeovers; nothing else. */
  heartbeat: RedisClient
}

export interface ClientOptions {
  /** How long one answer may take, in milliseconds. */
  commandTimeoutMs: number
  /** Begins every key and every channel. It has no braces: those would end the hash tag's key. */
  keyPrefix: string
}

/** The clients, not yet connected. */
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

/** What an operator sees of a connection in `CLIENT LIST`: whose it is. */
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
    // Of 6.0.0: without it, what was in flight when a connection broke would never settle.
    maxRetriesPerRequest: 0,
    // It asks by INFO, which a managed Redis may forbid, and then writes to the console. What it is
    // for is done by `patiently`; but sentinels may name a master that is none any more.
    enableReadyCheck: address.kind === 'sentinel',
    // Done by hand: the client does it with promises that nobody catches.
    autoResubscribe: false,
    commandTimeout: commandTimeoutMs,
    // A connection that went dead without a word is given up before its commands time out.
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
    // The slot is that of the whole key, so the cluster's client must know the prefix.
    keyPrefix,
    lazyConnect: true,
    enableOfflineQueue: false,
    redisOptions: { ...node, connectionName: nameOf(use) },
    clusterRetryStrategy: reconnectDelayMs,
    // Finds a new master without waiting for a command to fail.
    slotsRefreshInterval: 5000,
    slotsRefreshTimeout: 2000,
    shardedSubscribers: true,
  }
}

/** Quick at first, since a restart takes a moment; with jitter, since every instance reconnects. */
function reconnectDelayMs(times: number): number {
  return Math.min(20 * 2 ** Math.min(times, 6), 1000) * (0.5 + Math.random() / 2)
}

/** What `send` writes is one write to each server. */
export function together(client: RedisClient, send: () => void): void {
  const servers = 'nodes' in client ? client.nodes('master') : [client]
  // While it connects, a client has no stream yet.
  const streams = servers.flatMap(({ stream }: { stream?: Redis['stream'] }) => stream ?? [])
  for (const stream of streams) stream.cork()
  try {
    send()
  } finally {
    for (const stream of streams) stream.uncork()
  }
}
