/**
 * The server's settings, checked once at start. A setting that nothing would use is refused, not ignored: an
 * operator who sets a secret must not run an open server. The file is long because it has each setting twice: its
 * rule for the environment, and its field with a description.
 */
import { join, resolve } from 'node:path'

import { z } from 'zod/v4'

import type { TimeLimits } from './agent.ts'
import {
  type AccessConfig,
  accessOf,
  headerSetting,
  jwksUrlSetting,
  needsCredential,
  secretSetting,
  tokenSecretsSetting,
} from './config/access.ts'
import { type ApiKey, keysIn, operatorKeysIn } from './config/api-keys.ts'
import { addressSetting, filesPlaceOf, type FilesPlace } from './config/files-place.ts'
import { refuseMisspelt } from './config/names.ts'
import { type TraceConfig, tracesOf } from './config/traces.ts'
import {
  choice,
  folderAt,
  hostsIn,
  integer,
  milliseconds,
  namesIn,
  originOf,
  originsIn,
  pathsIn,
  quotaIn,
  variablesIn,
  wholeQuotaIn,
} from './config/values.ts'
import { userCacheFolder } from './ground/asset/cache-folder.ts'
import type { Environment } from './ground/environment.ts'
import { LoomError } from './ground/error.ts'
import { userStateFolder } from './ground/state-folder.ts'
import { timerMaxMs } from './ground/until-aborted.ts'
import type { TaskOptions } from './loom.ts'
import type { SandboxOptions } from './machine/sandbox/options.ts'
import type { Quotas } from './server/limits/quotas.ts'
import type { StorageLimits } from './session/storage-limits.ts'
import { isRedisPrefix, redisPrefixRule } from './store/redis/prefix.ts'
import type { FileUrls } from './wire/conversation/file-address.ts'

/** The sources of the registry of models. */
export interface RegistryConfig {
  /** The URL of a list newer than Loom's own; undefined to download none. */
  modelsUrl: string | undefined
  /** A file with the user's own facts about models. */
  modelsPath: string | undefined
  /** The file that keeps the downloaded list. */
  modelsCache: string | undefined
}

export type { ApiKey } from './config/api-keys.ts'

export interface Config extends RegistryConfig {
  /** The port to listen on. 0 takes any free port. */
  port: number
  host: string
  /** The model of agents that name no model. */
  model: string
  /** The agent of requests that name no agent. Undefined takes `assistant`, or else the first agent. */
  agent: string | undefined
  /**
   * The names of the agents that the server offers. Undefined offers the agents that cannot act on
   * this machine.
   */
  agents: readonly string[] | undefined
  limits: TimeLimits
  /** Milliseconds without a byte before a comment is sent to keep a connection open. */
  keepAliveMs: number
  /** Milliseconds that a connection without a request stays open. */
  idleMs: number
  /** Origins of frontends on other servers, as browsers write them; `*` allows every origin. */
  corsOrigins: readonly string[]
  /** The origin under which browsers see this server behind a proxy; undefined without such a proxy. */
  publicUrl: string | undefined
  /**
   * Host names that requests may name, in lower case. A port in a name allows only that port. `*.`
   * stands for any subdomain, and `*` for every host. Undefined allows the names of this machine if
   * the server listens on loopback, and otherwise every name.
   */
  allowedHosts: readonly string[] | undefined
  /** The addresses that a posted file may have besides a `data:` URL. */
  fileUrls: FileUrls
  /** The place of the files of messages. Undefined keeps them in the messages. */
  files: FilesPlace | undefined
  /** The longest time that turns and streams may go on after SIGTERM, in milliseconds. */
  graceMs: number
  logLevel: LogLevel
  /** `text`: lines for people. `json`: a line of JSON for each request, turn, notice and error. */
  logFormat: 'text' | 'json'
  /** `auto`: `/metrics` needs an API key if the server has keys. `open`: it needs none. `off`: it has no metrics. */
  metrics: 'auto' | 'open' | 'off'
  /** Whether the server has traces, and the form in which it sends them. */
  traces: TraceConfig
  /** The kind of the store. Undefined chooses Redis if `redisUrl` is set, else files, else memory. */
  store: 'file' | 'memory' | 'redis' | undefined
  /**
   * The folder of the file store: an absolute path. Undefined if `LOOM_DATA` is not set, and the environment
   * has no home folder or the port is 0.
   */
  dataFolder: string | undefined
  /** The URL of the Redis that stores sessions; undefined uses no Redis. */
  redisUrl: string | undefined
  /** The text at the beginning of every key and channel in Redis. */
  redisPrefix: string
  /** The API keys of callers. */
  apiKeys: readonly ApiKey[]
  /** The other credentials of callers. Without keys and these, every call is allowed. */
  access: AccessConfig
  /** The lifetime of a session after its last use, in milliseconds. */
  sessionTtlMs: number
  /** The time after its last heartbeat for which an instance counts as alive, in milliseconds. */
  heartbeatMs: number
  /** The least time between two writes of a turn to Redis or a file, in milliseconds. */
  flushMs: number
  /** The longest time that a turn waits while Redis is away, in milliseconds. */
  redisPatienceMs: number
  /** How long after an upgrade of all instances version 0.1 can read what this version stores, in milliseconds. */
  rollbackMs: number
  /** The number of turns after which this instance refuses new messages; Infinity for no such number. */
  turnsMax: number
  /** The limits of each principal, over all instances. */
  quotas: Quotas
  /** The most that each principal may store, in all sessions together. */
  storageLimits: StorageLimits
  /** The limits of trees of tasks. */
  tasks: TaskOptions
  /** The folder that tools with effects may read and change: an absolute path. */
  workspace: string
  /** The confinement of commands, and its exceptions. */
  sandbox: SandboxSettings
}

export type SandboxSettings = Required<
  Pick<SandboxOptions, 'mode' | 'network' | 'readable' | 'writable' | 'variables'>
> &
  Pick<SandboxOptions, 'memoryBytesMax' | 'diskBytesMax'>

export type LogLevel = 'silent' | 'error' | 'info' | 'debug'

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
  // A balancer may reuse a connection that it takes for open. Most balancers keep one for 60 s.
  LOOM_IDLE_MS: milliseconds().default(75_000),
  LOOM_PUBLIC_URL: z.string().optional().transform(originOf),
  LOOM_CORS_ORIGINS: z.string().default('').transform(originsIn),
  LOOM_ALLOWED_HOSTS: z.string().optional().transform(hostsIn),
  LOOM_FILE_URLS: choice(['public', 'any', 'download']).default('public'),
  LOOM_FILES: z.string().optional(),
  LOOM_FILES_ENDPOINT: addressSetting().optional(),
  LOOM_FILES_REGION: z.string().default('us-east-1'),
  LOOM_FILES_KEY_ID: z.string().optional(),
  LOOM_FILES_SECRET_KEY: z.string().optional(),
  LOOM_GRACE_MS: integer(0, timerMaxMs).default(10_000),
  LOOM_LOG_LEVEL: choice(['silent', 'error', 'info', 'debug']).default('info'),
  LOOM_LOG_FORMAT: choice(['text', 'json']).default('text'),
  LOOM_METRICS: choice(['auto', 'open', 'off']).default('auto'),
  OTEL_SDK_DISABLED: z.string().default('false'),
  OTEL_TRACES_EXPORTER: z.string().default('otlp'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().default('http/protobuf'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: z.string().optional(),
  LOOM_AUTH: choice(['none', 'proxy']).optional(),
  LOOM_STORE: choice(['file', 'memory', 'redis']).optional(),
  LOOM_DATA: z.string().optional(),
  REDIS_URL: z
    .string()
    .regex(redisUrl, 'must begin with redis://, rediss://, redis+cluster:// or redis+sentinel://')
    .optional(),
  LOOM_REDIS_PREFIX: z.string().refine(isRedisPrefix, redisPrefixRule).default(''),
  LOOM_API_KEYS: z.string().default('').transform(keysIn),
  LOOM_OPERATOR_KEYS: z.string().default('').transform(operatorKeysIn),
  LOOM_TOKEN_SECRET: tokenSecretsSetting,
  LOOM_JWT_SECRET: secretSetting().optional(),
  LOOM_JWKS_URL: jwksUrlSetting.optional(),
  LOOM_JWT_ISSUER: z.string().optional(),
  LOOM_JWT_AUDIENCE: z.string().optional(),
  LOOM_JWT_TENANT_CLAIM: z.string().optional(),
  LOOM_JWT_SUBJECT_CLAIM: z.string().default('sub'),
  LOOM_JWT_SCOPES_CLAIM: z.string().default('scope'),
  LOOM_PROXY_SECRET: secretSetting().optional(),
  LOOM_PROXY_SECRET_HEADER: headerSetting().default('x-loom-proxy-secret'),
  LOOM_PROXY_SUBJECT_HEADER: headerSetting().default('x-forwarded-user'),
  LOOM_PROXY_TENANT_HEADER: headerSetting().optional(),
  LOOM_PROXY_SCOPES_HEADER: headerSetting().optional(),
  LOOM_SESSION_TTL: integer(1, 10 * 365 * 24 * 60 * 60).default(30 * 24 * 60 * 60),
  LOOM_HEARTBEAT_MS: integer(300, 600_000).default(3000),
  LOOM_FLUSH_MS: integer(0, 10_000).default(20),
  LOOM_REDIS_PATIENCE: milliseconds().default(30_000),
  LOOM_ROLLBACK_TIME: integer(0, 10 * 365 * 24 * 60 * 60).default(24 * 60 * 60),
  // 400 turns of 20 tokens a second use a whole core. With more turns, every answer becomes slower.
  LOOM_TURNS_MAX: integer(0, 1_000_000).default(400),
  LOOM_LIMIT_REQUESTS: z.string().optional().transform(wholeQuotaIn),
  LOOM_LIMIT_TOKENS: z.string().optional().transform(wholeQuotaIn),
  LOOM_LIMIT_COST: z.string().optional().transform(quotaIn),
  LOOM_LIMIT_TURNS: integer(1, 1_000_000).optional(),
  LOOM_LIMIT_STREAMS: integer(1, 1_000_000).optional(),
  LOOM_LIMIT_SESSIONS: integer(1, 1_000_000_000).optional(),
  LOOM_LIMIT_BYTES: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  LOOM_TASKS_DEPTH: integer(0, 100).default(3),
  LOOM_TASKS_AT_ONCE: integer(1, 10_000).default(16),
  LOOM_TASKS_MAX: integer(1, 1_000_000).default(256),
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

const settingNames = Object.keys(schema.shape)

/**
 * Reads and checks every setting.
 * @throws LoomError `invalid-config` with one line for each bad value: its name, and the allowed values.
 */
export function readConfig(environment: Environment): Config {
  const variables = withoutEmpty(environment)
  refuseMisspelt(variables, settingNames)
  const set = parse(schema, variables)
  const access = accessOf(set, variables, isLoopback)
  if (!needsCredential({ apiKeys: set.LOOM_API_KEYS, access })) {
    refuseOpenServer(set.HOST, set.LOOM_AUTH)
  }
  return {
    port: set.PORT,
    host: set.HOST,
    model: set.LOOM_MODEL,
    agent: set.LOOM_AGENT ?? set.LOOM_AGENTS?.[0],
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
    files: filesPlaceOf(set),
    graceMs: set.LOOM_GRACE_MS,
    logLevel: set.LOOM_LOG_LEVEL,
    logFormat: set.LOOM_LOG_FORMAT,
    metrics: set.LOOM_METRICS,
    traces: tracesOf(set),
    ...storeOf(set, variables),
    redisPrefix: set.LOOM_REDIS_PREFIX,
    apiKeys: set.LOOM_API_KEYS,
    access,
    sessionTtlMs: set.LOOM_SESSION_TTL * 1000,
    heartbeatMs: set.LOOM_HEARTBEAT_MS,
    flushMs: set.LOOM_FLUSH_MS,
    redisPatienceMs: set.LOOM_REDIS_PATIENCE,
    rollbackMs: set.LOOM_ROLLBACK_TIME * 1000,
    quotas: quotasOf(set),
    storageLimits: storageLimitsOf(set),
    turnsMax: set.LOOM_TURNS_MAX === 0 ? Infinity : set.LOOM_TURNS_MAX,
    tasks: {
      depthMax: set.LOOM_TASKS_DEPTH,
      openMax: set.LOOM_TASKS_AT_ONCE,
      unfinishedMax: set.LOOM_TASKS_MAX,
    },
    workspace: set.LOOM_WORKSPACE,
    sandbox: sandboxOf(set),
    ...registryOf(set, variables),
  }
}

/** `LOOM_STORE` decides if it is set: a server with `memory` uses no Redis. */
function storeOf(
  set: z.output<typeof schema>,
  environment: Environment,
): Pick<Config, 'store' | 'dataFolder' | 'redisUrl'> {
  const { LOOM_STORE: store, LOOM_DATA: data, REDIS_URL: redisUrl, PORT: port } = set
  if (store === 'redis' && redisUrl === undefined) {
    throw new LoomError(
      'invalid-config',
      'LOOM_STORE=redis needs the address of Redis: set REDIS_URL.',
    )
  }
  const state = port === 0 ? undefined : userStateFolder(environment)
  return {
    store,
    dataFolder: data === undefined ? state && join(state, `serve-${port}`) : resolve(data),
    redisUrl: store === 'file' || store === 'memory' ? undefined : redisUrl,
  }
}

function quotasOf(set: z.output<typeof schema>): Quotas {
  const { LOOM_LIMIT_TURNS: turns, LOOM_LIMIT_STREAMS: streams, LOOM_LIMIT_COST: cost } = set
  const { LOOM_LIMIT_REQUESTS: requests, LOOM_LIMIT_TOKENS: tokens } = set
  return {
    ...(requests && { requests }),
    ...(tokens && { tokens }),
    ...(cost && { cost }),
    ...(turns !== undefined && { turns }),
    ...(streams !== undefined && { streams }),
  }
}

function storageLimitsOf(set: z.output<typeof schema>): StorageLimits {
  const { LOOM_LIMIT_SESSIONS: sessions, LOOM_LIMIT_BYTES: bytes } = set
  return { ...(sessions !== undefined && { sessions }), ...(bytes !== undefined && { bytes }) }
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
 * Reads only the settings of the registry of models, for a command that runs no server.
 * @throws LoomError `invalid-config`
 */
export function readRegistryConfig(environment: Environment): RegistryConfig {
  const variables = withoutEmpty(environment)
  refuseMisspelt(variables, settingNames)
  const part = schema.pick({ LOOM_MODELS_URL: true, LOOM_MODELS_PATH: true })
  return registryOf(parse(part, variables), variables)
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

function parse<SET>(schema: z.ZodType<SET>, variables: Environment): SET {
  const result = schema.safeParse(variables)
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new LoomError('invalid-config', lines.join('\n'))
}

/** True for a host of this machine only: one to listen on, or one that a browser names. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

function refuseOpenServer(host: string, auth: 'none' | 'proxy' | undefined): void {
  if (isLoopback(host) || auth === 'none') return
  throw new LoomError(
    'invalid-config',
    `HOST ${host} lets other machines call this server without a key: set LOOM_API_KEYS, LOOM_JWT_SECRET or LOOM_JWKS_URL, use HOST=127.0.0.1, or set LOOM_AUTH=none if a proxy in front of this server checks its callers.`,
  )
}
