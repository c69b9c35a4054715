/**
 * The server’s settings, checked once at start. A setting of a later version is refused, not ignored:
 * whoever sets a secret for JWTs must not run an open server.
 */
import { statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

import { z } from 'zod'

import type { TimeLimits } from './agent.ts'
import { userCacheFolder } from './asset/cache-folder.ts'
import type { FileUrls } from './conversation/file-address.ts'
import type { Environment } from './environment.ts'
import { LoomError } from './error.ts'
import { didYouMean, nearestNames } from './model/nearest.ts'
import { isName } from './name.ts'
import type { SandboxOptions } from './sandbox/options.ts'
import { isSecretOfLoom } from './secret-variables.ts'
import { isRedisPrefix, redisPrefixRule } from './store/redis/prefix.ts'
import { timerMaxMs } from './until-aborted.ts'

/** Where the registry of models looks. */
export interface RegistryConfig {
  /** Of a newer list than the one that came with Loom; undefined where none is to be fetched. */
  modelsUrl: string | undefined
  /** A file with the user's own word on models. */
  modelsPath: string | undefined
  /** The file that a fetched list is kept in. */
  modelsCache: string | undefined
}

export interface Config extends RegistryConfig {
  /** 0 takes any free port. */
  port: number
  host: string
  /** The model of agents that name none. */
  model: string
  /** The agent of requests that name none. */
  agent: string
  /** The agents that are offered; undefined offers those that cannot act on this machine. */
  agents: readonly string[] | undefined
  limits: TimeLimits
  /** Milliseconds without a byte until a comment keeps a connection open. */
  keepAliveMs: number
  /** Milliseconds that a connection without a request is held open. */
  idleMs: number
  /** Origins of foreign frontends, as browsers spell them; `*` allows every one. */
  corsOrigins: readonly string[]
  /** The origin under which browsers see this server, where a proxy hides it; undefined if none does. */
  publicUrl: string | undefined
  /**
   * Host names that requests may name, in lower case, with a port where only that port is meant; `*.`
   * stands for any subdomain, and `*` for every host. Undefined: names of this machine where it
   * listens on loopback, and else every name.
   */
  allowedHosts: readonly string[] | undefined
  /** The addresses that a posted file may have besides a `data:` URL. */
  fileUrls: FileUrls
  /** How long turns and streams may still run after SIGTERM, in milliseconds. */
  graceMs: number
  logLevel: LogLevel
  /** Where sessions are kept; undefined keeps them in this process. */
  redisUrl: string | undefined
  /** Begins every key and channel in Redis. */
  redisPrefix: string
  /** Bearer tokens that may call; none lets everybody. */
  apiKeys: readonly ApiKey[]
  /** How long a session lives after its last use, in milliseconds. */
  sessionTtlMs: number
  /** How long an instance that says nothing counts as alive. */
  heartbeatMs: number
  /** The least time between two writes of a turn to Redis. */
  flushMs: number
  /** How long a turn waits for a Redis that is away. */
  redisPatienceMs: number
  /** The folder that tools with effects may read and change. An absolute path. */
  workspace: string
  /** How commands are confined, and what they may have all the same. */
  sandbox: SandboxSettings
}

/** A bearer token. Keys of one name are one tenant, so a key can be replaced by another. */
export interface ApiKey {
  key: string
  /** The tenant that the key stands for; undefined makes the key a tenant of its own. */
  name: string | undefined
}

export type SandboxSettings = Required<
  Pick<SandboxOptions, 'mode' | 'network' | 'readable' | 'writable' | 'variables'>
> &
  Pick<SandboxOptions, 'memoryBytesMax' | 'diskBytesMax'>

export type LogLevel = 'silent' | 'error' | 'info' | 'debug'

const unsupported = ['LOOM_JWT_SECRET', 'LOOM_JWKS_URL']

const redisUrl = /^(?:rediss?|redis\+(?:cluster|sentinel)):\/\//

const schema = z.object({
  PORT: integer(0, 65_535).default(3000),
  HOST: z.string().default('127.0.0.1'),
  LOOM_MODEL: z
    .string()
    .regex(/^[^/]+\/.+$/, 'must be "provider/model-id", such as demo/assistant')
    .default('demo/assistant'),
  LOOM_AGENT: z.string().optional(),
  LOOM_AGENTS: z.string().optional().transform(namesIn),
  LOOM_FIRST_CHUNK_MS: milliseconds().default(60_000),
  LOOM_NEXT_CHUNK_MS: milliseconds().default(30_000),
  LOOM_STEP_MS: milliseconds().default(600_000),
  LOOM_KEEPALIVE_MS: milliseconds().default(15_000),
  // A balancer may reuse a connection that it takes for open; most hold one for 60 s.
  LOOM_IDLE_MS: milliseconds().default(75_000),
  LOOM_PUBLIC_URL: z.string().optional().transform(originOf),
  LOOM_CORS_ORIGINS: z.string().default('').transform(originsIn),
  LOOM_ALLOWED_HOSTS: z.string().optional().transform(hostsIn),
  LOOM_FILE_URLS: choice(['public', 'any']).default('public'),
  LOOM_GRACE_MS: integer(0, timerMaxMs).default(10_000),
  LOOM_LOG_LEVEL: choice(['silent', 'error', 'info', 'debug']).default('info'),
  LOOM_AUTH: choice(['none']).optional(),
  REDIS_URL: z
    .string()
    .regex(redisUrl, 'must begin with redis://, rediss://, redis+cluster:// or redis+sentinel://')
    .optional(),
  LOOM_REDIS_PREFIX: z.string().refine(isRedisPrefix, redisPrefixRule).default(''),
  LOOM_API_KEYS: z.string().default('').transform(keysIn),
  LOOM_SESSION_TTL: integer(1, 10 * 365 * 24 * 60 * 60).default(30 * 24 * 60 * 60),
  LOOM_HEARTBEAT_MS: integer(300, 600_000).default(3000),
  LOOM_FLUSH_MS: integer(0, 10_000).default(20),
  LOOM_REDIS_PATIENCE: milliseconds().default(30_000),
  LOOM_WORKSPACE: z.string().default('.').transform(folderAt),
  LOOM_SANDBOX: choice(['auto', 'bwrap', 'none', 'required']).default('auto'),
  LOOM_SANDBOX_NETWORK: choice(['none', 'host']).default('none'),
  LOOM_SANDBOX_READ: z.string().default('').transform(pathsIn),
  LOOM_SANDBOX_WRITE: z.string().default('').transform(pathsIn),
  LOOM_SANDBOX_ENV: z.string().default('').transform(variablesIn),
  LOOM_SANDBOX_MEMORY_MB: integer(16, 1024 * 1024).optional(),
  LOOM_SANDBOX_DISK_MB: integer(1, 1024 * 1024 * 1024).optional(),
  LOOM_MODELS_URL: z
    .string()
    .regex(/^(?:none|https?:\/\/\S+)$/, 'must begin with http:// or https://, or be none')
    .default('https://models.dev/api.json'),
  LOOM_MODELS_PATH: z.string().optional(),
})

/**
 * Reads and checks every setting.
 * @throws LoomError `invalid-config` with one line for each bad value: its name, and what is allowed.
 */
export function readConfig(environment: Environment): Config {
  const given = withoutEmpty(environment)
  refuseUnsupported(given)
  refuseMisspelt(given)
  const set = parsed(schema, given)
  if (set.LOOM_API_KEYS.length === 0) refuseOpenServer(set.HOST, set.LOOM_AUTH)
  return {
    port: set.PORT,
    host: set.HOST,
    model: set.LOOM_MODEL,
    agent: set.LOOM_AGENT ?? set.LOOM_AGENTS?.[0] ?? 'assistant',
    agents: set.LOOM_AGENTS,
    limits: {
      firstChunkMs: set.LOOM_FIRST_CHUNK_MS,
      nextChunkMs: set.LOOM_NEXT_CHUNK_MS,
      stepMs: set.LOOM_STEP_MS,
    },
    keepAliveMs: set.LOOM_KEEPALIVE_MS,
    idleMs: set.LOOM_IDLE_MS,
    corsOrigins: set.LOOM_CORS_ORIGINS,
    publicUrl: set.LOOM_PUBLIC_URL,
    allowedHosts: set.LOOM_ALLOWED_HOSTS,
    fileUrls: set.LOOM_FILE_URLS,
    graceMs: set.LOOM_GRACE_MS,
    logLevel: set.LOOM_LOG_LEVEL,
    redisUrl: set.REDIS_URL,
    redisPrefix: set.LOOM_REDIS_PREFIX,
    apiKeys: set.LOOM_API_KEYS,
    sessionTtlMs: set.LOOM_SESSION_TTL * 1000,
    heartbeatMs: set.LOOM_HEARTBEAT_MS,
    flushMs: set.LOOM_FLUSH_MS,
    redisPatienceMs: set.LOOM_REDIS_PATIENCE,
    workspace: set.LOOM_WORKSPACE,
    sandbox: sandboxOf(set),
    ...registryOf(set, given),
  }
}

const mebibyte = 1024 * 1024

function sandboxOf(set: z.output<typeof schema>): SandboxSettings {
  const { LOOM_SANDBOX_MEMORY_MB: memory, LOOM_SANDBOX_DISK_MB: disk } = set
  return {
    mode: set.LOOM_SANDBOX,
    network: set.LOOM_SANDBOX_NETWORK === 'host',
    readable: set.LOOM_SANDBOX_READ,
    writable: set.LOOM_SANDBOX_WRITE,
    variables: set.LOOM_SANDBOX_ENV,
    ...(memory !== undefined && { memoryBytesMax: memory * mebibyte }),
    ...(disk !== undefined && { diskBytesMax: disk * mebibyte }),
  }
}

/**
 * Only what the registry of models needs, for a command that serves nobody.
 * @throws LoomError `invalid-config`
 */
export function readRegistryConfig(environment: Environment): RegistryConfig {
  const given = withoutEmpty(environment)
  refuseMisspelt(given)
  const part = schema.pick({ LOOM_MODELS_URL: true, LOOM_MODELS_PATH: true })
  return registryOf(parsed(part, given), given)
}

function registryOf(
  set: Pick<z.output<typeof schema>, 'LOOM_MODELS_URL' | 'LOOM_MODELS_PATH'>,
  environment: Environment,
): RegistryConfig {
  const folder = userCacheFolder(environment)
  return {
    modelsUrl: set.LOOM_MODELS_URL === 'none' ? undefined : set.LOOM_MODELS_URL,
    modelsPath: set.LOOM_MODELS_PATH,
    modelsCache: folder && join(folder, 'models.br'),
  }
}

const withoutEmpty = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))

function parsed<SET>(schema: z.ZodType<SET>, given: Environment): SET {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new LoomError('invalid-config', lines.join('\n'))
}

/** Whether only this machine can reach an address: a host to listen on, or one that a browser names. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

function refuseUnsupported(environment: Environment): void {
  const name = unsupported.find((name) => environment[name] !== undefined)
  if (name === undefined) return
  throw new LoomError('invalid-config', `${name} is not supported yet: unset it to start.`)
}

/** Settings that are read elsewhere: the command's key for a server. */
const otherNames = ['LOOM_API_KEY']

/**
 * What Kubernetes and Docker set in every container for a service whose name begins with `loom`.
 * `LOOM_PORT` counts only with the value that they give it.
 */
const serviceVariable = /^LOOM_(?:\w+_)?(?:SERVICE_(?:HOST|PORT)|PORT_\d+_|ENV_|NAME$)/

/**
 * A setting with a slip in its name must not be ignored: the server would run open, without its Redis
 * or with another model. A name that is near to no setting may be a variable of somebody else.
 */
function refuseMisspelt(environment: Environment): void {
  const known = [...Object.keys(schema.shape), ...otherNames, ...unsupported]
  const lines = Object.entries(environment).flatMap(([name, value = '']) => {
    if (!/^LOOM_/i.test(name) || known.includes(name)) return []
    if (serviceVariable.test(name) || (/^LOOM_(?:\w+_)?PORT$/.test(name) && value.includes('://')))
      return []
    const near = nearSettings(name.toUpperCase(), known)
    return near.length === 0 ? [] : [`${name} is not a setting of Loom.${didYouMean(near)}`]
  })
  if (lines.length > 0) throw new LoomError('invalid-config', lines.join('\n'))
}

/** The known names that a name was most likely meant to be. */
function nearSettings(name: string, known: readonly string[]): string[] {
  const plain = name.slice('LOOM_'.length)
  // LOOM_PORT, LOOM_HOST and LOOM_REDIS_URL are names that people expect.
  if (known.includes(plain)) return [plain]
  if (known.includes(name)) return [name]
  const ends = known.flatMap((each) =>
    each.startsWith('LOOM_') ? [each.slice('LOOM_'.length)] : [],
  )
  // Words left out or in another order are no slips of the finger, but are mistakes all the same.
  const words = (text: string) => text.split('_').sort().join('_')
  const same = ends.filter((end) => words(end) === words(plain) || isUnitApart(end, plain))
  return (same.length > 0 ? same : nearestNames(plain, ends)).map((end) => `LOOM_${end}`)
}

/** Whether only a unit at its end distinguishes a name from another. */
const isUnitApart = (one: string, other: string): boolean => withoutUnit(one) === withoutUnit(other)

const withoutUnit = (name: string) => name.replace(/_(?:MS|S|SEC|SECONDS|MB|BYTES)$/, '')

function refuseOpenServer(host: string, auth: 'none' | undefined): void {
  if (isLoopback(host) || auth === 'none') return
  throw new LoomError(
    'invalid-config',
    `HOST ${host} lets others in, and nobody is asked for a key: set LOOM_API_KEYS, use HOST=127.0.0.1, or set LOOM_AUTH=none if something before this server checks who calls.`,
  )
}

function originsIn(list: string, context: z.RefinementCtx): string[] {
  const origins = list.split(',').map((origin) => origin.trim().replace(/\/$/, ''))
  const wanted = origins.filter((origin) => origin !== '')
  const bad = wanted.find((origin) => origin !== '*' && !isOrigin(origin))
  if (bad !== undefined) {
    context.addIssue(
      `must list origins such as https://app.example.com, separated by commas; got ${shown(bad)}`,
    )
  }
  return wanted.map((origin) => origin.toLowerCase())
}

function hostsIn(list: string | undefined, context: z.RefinementCtx): string[] | undefined {
  const hosts = list
    ?.split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '')
  const bad = hosts?.find((host) => host !== '*' && !isHost(host))
  if (bad === undefined) return hosts
  context.addIssue(
    `must list host names such as chat.example.com or *.example.com, separated by commas; got ${shown(bad)}`,
  )
  return z.NEVER
}

/** A host as a URL has it, perhaps with a port; never an address with a scheme or a path. */
function isHost(text: string): boolean {
  const url = `http://${text.replace(/^\*\./, 'any.')}`
  return /^[\w.*:[\]-]+$/.test(text) && URL.canParse(url) && !/\*/.test(text.slice(1))
}

/** Of a page's address only the origin matters: a browser sends no more of it. */
function originOf(url: string | undefined, context: z.RefinementCtx): string | undefined {
  if (url === undefined) return undefined
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return new URL(url).origin
  context.addIssue(`must be an address such as https://chat.example.com; got ${shown(url)}`)
  return z.NEVER
}

function namesIn(list: string | undefined, context: z.RefinementCtx): string[] | undefined {
  const names = list?.split(',').map((name) => name.trim())
  const bad = names?.find((name) => !isName(name))
  if (bad === undefined) return names
  context.addIssue(`must list names of agents, separated by commas; got ${shown(bad)}`)
  return z.NEVER
}

/** A key that can be guessed lets everybody in all the same. No text of a key is in an error. */
function keysIn(list: string, context: z.RefinementCtx): ApiKey[] {
  const entries = list.split(',').map((entry) => entry.trim())
  const keys = entries.filter((entry) => entry !== '').map(keyOf)
  if (keys.some(({ key }) => key.length < 8)) {
    context.addIssue(
      'must list keys of at least 8 characters, separated by commas; before each may stand a name and a colon',
    )
  }
  if (keys.some(({ name }) => name !== undefined && !/^[\w.@-]{1,64}$/.test(name))) {
    context.addIssue(
      'must name keys by 1 to 64 letters, digits or any of . _ @ -, as in alice:a-long-secret',
    )
  }
  const names = new Map(keys.map(({ key, name }) => [key, name]))
  if (keys.some(({ key, name }) => names.get(key) !== name)) {
    context.addIssue('must not give one key to two names')
  }
  return keys
}

/** A key may hold colons where a name stands before it. */
function keyOf(entry: string): ApiKey {
  const at = entry.indexOf(':')
  return at === -1
    ? { key: entry, name: undefined }
    : { key: entry.slice(at + 1).trim(), name: entry.slice(0, at).trim() }
}

function folderAt(path: string, context: z.RefinementCtx): string {
  if (!isFolder(path)) context.addIssue(`must be a folder that is there; got ${shown(path)}`)
  return resolve(path)
}

/** As `PATH` lists folders. */
function pathsIn(list: string, context: z.RefinementCtx): string[] {
  const paths = list.split(':').filter((path) => path !== '')
  const bad = paths.find((path) => !isAbsolute(path) || resolve(path) === '/')
  if (bad !== undefined) {
    context.addIssue(
      `must list absolute paths below the root, separated by colons; got ${shown(bad)}`,
    )
  }
  return paths.map((path) => resolve(path))
}

function variablesIn(list: string, context: z.RefinementCtx): string[] {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const bad = names.find((name) => !/^[A-Za-z_]\w*$/.test(name))
  if (bad !== undefined) {
    context.addIssue(`must list names of variables, separated by commas; got ${shown(bad)}`)
  }
  const secret = names.find(isSecretOfLoom)
  if (secret !== undefined) {
    context.addIssue(`must not list ${secret}: commands do not get the keys of models or of Loom`)
  }
  return names
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text.toLowerCase()
}

function integer(min: number, max: number) {
  const allowed = `must be a whole number from ${min} to ${max}`
  return z.string().transform((text, context) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    context.addIssue(`${allowed}; got ${shown(text)}`)
    return z.NEVER
  })
}

function milliseconds() {
  return integer(1, timerMaxMs)
}

function choice<const VALUE extends string>(values: readonly VALUE[]) {
  return z.enum(values, {
    error: ({ input }) => `must be ${values.join(' or ')}; got ${shown(String(input))}`,
  })
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
