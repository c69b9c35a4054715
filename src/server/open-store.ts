/**
 * Opens the store of a server: Redis if it is set, else files, else memory. Two servers of one machine have
 * two ports, so the folder of the files has the port in its name.
 */
import type { Config } from '../config.ts'
import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import { shownPath } from '../ground/shown-path.ts'
import type { Store } from '../store.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { StoreCommand } from '../store/redis.ts'

export interface OpenStoreOptions {
  config: Pick<
    Config,
    | 'port'
    | 'store'
    | 'dataFolder'
    | 'redisUrl'
    | 'redisPrefix'
    | 'redisPatienceMs'
    | 'rollbackMs'
    | 'sessionTtlMs'
    | 'files'
  >
  report: (error: unknown) => void
  /** Has the home folder, for the text of the place. */
  environment?: Environment
  /** Called when Redis answers again, or the files can be written again. */
  onBack?: () => void
  /** Receives each command to Redis after its reply. */
  onCommand?: ((command: StoreCommand) => void) | undefined
}

export interface OpenedStore {
  store: Store
  kind: 'redis' | 'file' | 'memory'
  /** Says where the sessions are, for the operator: `in Redis`. */
  place: string
}

/**
 * @throws LoomError `invalid-config` or `unavailable` for a Redis that cannot be used, for a folder of
 * another server, or for files that cannot be written although the settings require them
 */
export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const opened = await openSessions(options)
  const { files, sessionTtlMs } = options.config
  if (files === undefined) return opened
  const { openFiles: openFilesApart } = await import('../attachments/open-files.ts')
  try {
    const sweeps = opened.kind !== 'memory'
    const apart = { files, sessionTtlMs, sweeps, report: options.report }
    return { ...opened, store: await openFilesApart(opened.store, apart) }
  } catch (error) {
    await opened.store.close()
    throw error
  }
}

async function openSessions(options: OpenStoreOptions): Promise<OpenedStore> {
  const { redisUrl, store } = options.config
  if (redisUrl !== undefined) {
    return { store: await openRedis(options, redisUrl), kind: 'redis', place: 'in Redis' }
  }
  return store === 'file' ? openFiles(options) : openFilesOrMemory(options)
}

/** Redis is outside of this program, so the error needs no stack: one line names the failure. */
const away = (cause: Error) =>
  new LoomError(
    'unavailable',
    `Redis: ${cause.message || cause.name}. Loom connects again until Redis answers. If it stays away, check REDIS_URL.`,
    { cause },
  )

async function openRedis(
  { config, report, onBack, onCommand }: OpenStoreOptions,
  url: string,
): Promise<Store> {
  const { redisPrefix: prefix, redisPatienceMs: patienceMs, rollbackMs, sessionTtlMs } = config
  // A server without Redis does not load its client.
  const { openRedisStore } = await import('../store/redis.ts')
  return openRedisStore({
    url,
    prefix,
    patienceMs,
    rollbackMs,
    sessionTtlMs,
    ...(onCommand !== undefined && { onCommand }),
    report(notice) {
      if (notice.type === 'connected') onBack?.()
      else report(notice.type === 'warning' ? notice.message : away(notice.error))
    },
  })
}

async function openFilesOrMemory(options: OpenStoreOptions): Promise<OpenedStore> {
  const { store, port, dataFolder } = options.config
  if (store === 'memory') return inMemory(options, 'as LOOM_STORE says')
  if (port === 0) {
    return inMemory(options, 'because PORT is 0 (to keep them, set LOOM_STORE=file and LOOM_DATA)')
  }
  if (dataFolder === undefined) {
    return inMemory(options, 'because there is no home folder (to keep them, set LOOM_DATA)')
  }
  try {
    return await openFiles(options)
  } catch (error) {
    if (!isUnwritable(error)) throw error
    return inMemory(
      options,
      `because ${dataFolder} cannot be written (to keep them, set LOOM_DATA)`,
    )
  }
}

function inMemory({ config: { sessionTtlMs } }: OpenStoreOptions, why: string): OpenedStore {
  const store = openMemoryStore({ sessionTtlMs })
  return { store, kind: 'memory', place: `in memory, ${why}` }
}

async function openFiles(options: OpenStoreOptions): Promise<OpenedStore> {
  const { config, report, environment = {}, onBack = () => {} } = options
  const { dataFolder: folder, rollbackMs, sessionTtlMs } = config
  if (folder === undefined) {
    throw new LoomError(
      'invalid-config',
      'LOOM_STORE=file needs a folder: set LOOM_DATA. Without it, the folder has a fixed PORT in its name, and is in the home folder.',
    )
  }
  const { openFileStore } = await import('../store/file.ts')
  const store = await openFileStore({ folder, rollbackMs, sessionTtlMs, report, onBack }).catch(
    withSettings,
  )
  return { store, kind: 'file', place: `in ${shownPath(folder, environment)}` }
}

/** The texts of the store name no settings, because a program may have opened it. */
function withSettings(error: unknown): never {
  if (!(error instanceof LoomError) || error.code !== 'invalid-config') throw error
  const settings = 'Another LOOM_DATA or PORT names another folder.'
  throw new LoomError('invalid-config', `${error.message} ${settings}`, { cause: error.cause })
}

/** A read-only container is no fault. A full disk is one: its sessions would be missing. */
function isUnwritable(error: unknown): boolean {
  const cause = error instanceof LoomError ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'EROFS' || code === 'EACCES' || code === 'EPERM' || code === 'ENOENT'
}
