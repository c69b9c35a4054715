/** Opens the store of files that the settings name, and removes the files of sessions that are gone. */
import type { Config } from '../config.ts'
import type { Store } from '../store.ts'
import { openFolderObjects } from './folder-objects.ts'
import type { ObjectStore } from './object-store.ts'
import { SessionFiles } from './session-files.ts'
import { withStoredFiles } from './stored-files.ts'

export interface OpenFilesOptions {
  /** The place of the files. */
  files: NonNullable<Config['files']>
  /** The lifetime of a session, in milliseconds. */
  sessionTtlMs: number
  /**
   * Whether to remove the files of sessions that the store lacks. False for a store in memory: it knows no session of
   * another process, and these may use the same place.
   */
  sweeps: boolean
  report: (error: unknown) => void
}

/** The time between two sweeps of one instance, in milliseconds. */
const sweepEveryMs = 6 * 60 * 60 * 1000

/**
 * Returns the store with its files apart.
 * @throws LoomError `invalid-config` if the place of the files cannot be used
 */
export async function openFiles(
  store: Store,
  { files: place, sessionTtlMs, sweeps, report }: OpenFilesOptions,
): Promise<Store> {
  const files = new SessionFiles(await objectsAt(place))
  // A younger session was used within its lifetime. So a sweep with the wrong store removes nothing of it.
  const sweep = () =>
    files
      .sweep(async (id) => (await store.session(id)) !== undefined, Date.now() - sessionTtlMs)
      .catch(report)
  const timer = sweeps ? setInterval(() => void sweep(), sweepEveryMs).unref() : undefined
  return {
    ...withStoredFiles(store, files),
    async close() {
      clearInterval(timer)
      await store.close()
    },
  }
}

async function objectsAt(place: NonNullable<Config['files']>): Promise<ObjectStore> {
  if (place.kind === 'folder') return openFolderObjects(place.folder)
  const { openS3Objects } = await import('./s3-objects.ts')
  return openS3Objects(place)
}
