/**
 * A connection to Redis that runs scripts and repeats a call while Redis is away. It calls scripts by
 * their hash. If the server lacks a script (after a restart or a flush), it sends the text.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import { errorMessage, LoomError } from '../../ground/error.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import { createClients } from './client.ts'
import type { Clients, RedisClient } from './client.ts'
import { absentKey } from './keys.ts'
import { patiently, replyCode } from './patience.ts'
import type { Patience } from './patience.ts'
import { inOrder, isStrings, loadScripts, replyByName } from './script.ts'
import type { Script } from './script.ts'
import type { Argument, Arguments, Keys, Reply, ScriptName, Signatures } from './signature.ts'
import type { RedisAddress } from './url.ts'

export interface Connection {
  readonly clients: Clients
  readonly patience: Patience
  /** Runs a script. All its keys belong to one slot. */
  run<NAME extends ScriptName>(
    name: NAME,
    keys: Keys<Signatures[NAME]>,
    args: Arguments<Signatures[NAME]>,
  ): Promise<Reply<Signatures[NAME]>>
  /** `run` for a script that may return many megabytes: it decodes the texts in steps. */
  read<NAME extends ScriptName>(
    name: NAME,
    keys: Keys<Signatures[NAME]>,
    args: Arguments<Signatures[NAME]>,
  ): Promise<Reply<Signatures[NAME]>>
  /** Runs a script that repeats its group of keys and arguments. Returns the list of replies. */
  runMany(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<string[]>
  /** Sends a command that has the same effect if it is sent twice. */
  send<VALUE>(command: (client: RedisClient) => Promise<VALUE>): Promise<VALUE>
  /** Returns the same connection with a shorter time limit for calls. */
  within(patienceMs: number): Connection
  /** The same functions over the connection of the heartbeats, where no other work is queued. */
  readonly apart: Connection
  close(): void
}

export interface ConnectionOptions {
  patienceMs: number
  /** See `ClientOptions`. */
  keyPrefix: string
  /** Receives every error of the connection. */
  onError: (error: Error) => void
  /** Called when Redis answers on every connection after one was lost. */
  onBack: () => void
  /** Receives each command after its reply; see `RedisStoreOptions`. */
  onCommand?: ((command: SentCommand) => void) | undefined
}

/** A command that was sent; see `StoreCommand`. */
interface SentCommand {
  name: string
  durationMs: number
  failed: boolean
}

/**
 * Connects, and resolves when Redis answers.
 * @throws LoomError `unavailable`, or `invalid-config` if the server refuses the connection
 */
export async function connect(
  address: RedisAddress,
  { patienceMs, keyPrefix, onError, onBack, onCommand }: ConnectionOptions,
): Promise<Connection> {
  const scripts = loadScripts()
  const clients = createClients(address, {
    commandTimeoutMs: Math.min(5000, patienceMs),
    keyPrefix,
  })
  const ending = new AbortController()
  // Every call that waits for the connection adds a listener.
  setMaxListeners(0, ending.signal, ...Object.values(clients))
  const plain = { patienceMs, signal: ending.signal }
  watchReturn(clients, plain, onBack)
  const patience = { ...plain, onRefusal: watchWrites(clients.heartbeat, plain, onBack) }
  const close = () => {
    ending.abort()
    for (const client of new Set(Object.values(clients))) client.disconnect()
  }
  try {
    await Promise.all(
      [...new Set(Object.values(clients))].map((one) =>
        open(one, { ...plain, isPlain: !address.tls }, onError),
      ),
    )
  } catch (error) {
    close()
    throw error
  }

  const measured = measuring(onCommand)
  const evaluate = async (
    client: RedisClient,
    { name, text, sha }: Script,
    { keys, args }: { keys: readonly string[]; args: readonly Argument[] },
    call: 'call' | 'callBuffer' = 'call',
  ): Promise<unknown> => {
    const rest = [keys.length, ...keys, ...args]
    try {
      return await measured(name, () => client[call]('evalsha', [sha, ...rest]))
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw error
      return await measured(name, () => client[call]('eval', [text, ...rest]))
    }
  }
  const over = (client: RedisClient, patience: Patience): Connection => ({
    clients,
    patience,
    async run(name, keys, args) {
      const script = scripts[name]
      const call = inOrder(script, keys, args)
      const reply = await patiently(
        client,
        patience,
        () => evaluate(client, script, call),
        call.keys[0],
      )
      return replyByName(script, reply)
    },
    async read(name, keys, args) {
      const script = scripts[name]
      const call = inOrder(script, keys, args)
      const reply = await patiently(
        client,
        patience,
        () => evaluate(client, script, call, 'callBuffer'),
        call.keys[0],
      )
      return replyByName(script, await decoded(reply))
    },
    async runMany(name, keys, args) {
      const reply = await patiently(client, patience, () =>
        evaluate(client, scripts[name], { keys, args }),
      )
      if (!isStrings(reply)) throw new LoomError('internal', `${name}.lua did not answer strings`)
      return reply
    },
    send: (command) => patiently(client, patience, () => measured('other', () => command(client))),
    within: (ms) => over(client, { ...patience, patienceMs: Math.min(ms, patience.patienceMs) }),
    get apart() {
      return over(clients.heartbeat, patience)
    },
    close,
  })
  return over(clients.commands, patience)
}

/** Returns a function that sends a command and reports its duration, if something receives it. */
function measuring(onCommand: ConnectionOptions['onCommand']) {
  return async <VALUE>(name: string, send: () => Promise<VALUE>): Promise<VALUE> => {
    if (onCommand === undefined) return send()
    const sentAt = performance.now()
    let failed = false
    try {
      return await send()
    } catch (error) {
      // A Redis that has just started knows no script yet. The call is repeated with its text.
      failed = replyCode(error) !== 'NOSCRIPT'
      throw error
    } finally {
      onCommand({ name, durationMs: performance.now() - sentAt, failed })
    }
  }
}

/** Decodes a list of bytes to texts. */
async function decoded(reply: unknown): Promise<unknown> {
  if (!Array.isArray(reply)) return reply
  const steps = new WorkSteps()
  const texts: unknown[] = []
  for (const each of reply) {
    if (Buffer.isBuffer(each)) await steps.next(each.length)
    texts.push(Buffer.isBuffer(each) ? each.toString() : each)
  }
  return texts
}

/**
 * Calls `onBack` after a reply. An open connection is not enough: Redis may be loading, or the network may
 * lose all bytes. Nor is any reply enough: a read-only Redis answers, and refuses the next write.
 */
function watchReturn(
  { subscriber, ...writers }: Clients,
  patience: Patience,
  onBack: () => void,
): void {
  const away = new Set<RedisClient>()
  const writing = new Set<RedisClient>(Object.values(writers))
  const trying = new Set<RedisClient>()
  const tryUntilBack = async (client: RedisClient) => {
    if (trying.has(client)) return
    trying.add(client)
    // If the connection is lost again, `ready` follows again.
    while (away.has(client) && client.status === 'ready' && !patience.signal.aborted) {
      const reply = patiently<unknown>(client, patience, () =>
        writing.has(client) ? client.unlink(absentKey) : client.ping(),
      )
      const isBack = await reply.then(
        () => true,
        () => false,
      )
      if (isBack && away.delete(client) && away.size === 0) onBack()
      else if (!isBack) await delay(returnEveryMs, undefined, { ref: false })
    }
    trying.delete(client)
  }
  for (const client of new Set([subscriber, ...writing])) {
    client.on('close', () => away.add(client))
    client.on('ready', () => void tryUntilBack(client))
  }
}

/**
 * Returns a function for a Redis that takes no writes, such as a full one. It looks until a write succeeds, and then
 * calls `onBack`: the connections stay open meanwhile, so `watchReturn` sees nothing. A cluster has no such look, because
 * a write to one of its masters says nothing of the others.
 */
function watchWrites(client: RedisClient, patience: Patience, onBack: () => void): () => void {
  let isWatching = false
  const { signal } = patience
  const untilWritten = async () => {
    while (!signal.aborted) {
      await delay(returnEveryMs, undefined, { ref: false, signal })
      // A removal is allowed to a full Redis too.
      const write = patiently(client, patience, () => client.set(absentKey, '', 'PX', 1))
      const isBack = await write.then(
        () => true,
        () => false,
      )
      if (isBack) return onBack()
    }
  }
  return () => {
    if (isWatching || 'nodes' in client) return
    isWatching = true
    const end = () => (isWatching = false)
    // Only the end of the connection rejects it.
    untilWritten().then(end, end)
  }
}

/** The pause between two looks for the return of a Redis that refuses writes, in milliseconds. */
const returnEveryMs = 1000

/** Waits until Redis answers. The client reconnects by itself from its first attempt on. */
async function open(
  client: RedisClient,
  { patienceMs, signal, isPlain }: Patience & { isPlain: boolean },
  onError: (error: Error) => void,
): Promise<void> {
  const { promise: refused, reject } = Promise.withResolvers<never>()
  let last: Error | undefined
  client.on('error', (error: Error) => {
    last = error
    onError(error)
    const reason = errorMessage('lastNodeError' in error ? error.lastNodeError : error)
    if (
      /WRONGPASS|NOAUTH|NOPERM|invalid password|cluster support disabled|DB index is out of range/.test(
        reason,
      )
    ) {
      reject(new LoomError('invalid-config', `Redis refuses the connection: ${reason}`))
    }
  })
  // The client reports failures as events too, and tries again.
  client.connect().catch(() => {})
  const answers = patiently(client, { patienceMs, signal }, () => client.ping())
  refused.catch(() => {})
  try {
    await Promise.race([answers, refused])
  } catch (error) {
    answers.catch(() => {})
    if (error instanceof LoomError && error.code !== 'unavailable') throw error
    // An operator reads this at the start; no client of Loom does.
    const reason = errorMessage(last ?? error)
    // A server that expects TLS closes the connection at the first plain command.
    const advice = isPlain && reason.includes('ECONNRESET') ? '. For TLS, use rediss://' : ''
    const message = `Redis cannot be reached: ${reason}${advice}`
    throw new LoomError('unavailable', message, { cause: last ?? error, retryable: true })
  }
}
