/** Folders of the file store, and everything that a store shows of a session. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll } from 'vitest'

import type { Store } from '../../src/store.ts'
import { openFileStore, type FileStoreOptions } from '../../src/store/file.ts'
import { handedOver } from '../../src/store/turn.ts'

const folders: string[] = []
const stores: Store[] = []
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
})

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-files-'))
  folders.push(folder)
  return folder
}

/** Opens a store that is closed after the tests. */
export async function openFolder(
  folder: string,
  options: Partial<FileStoreOptions> = {},
): Promise<Store> {
  const store = await openFileStore({ folder, ...options })
  stores.push(store)
  return store
}

/** Copies the folder as a killed process leaves it, except for its lock. */
export async function copyOf(folder: string): Promise<string> {
  const copy = await newFolder()
  await cp(folder, copy, { recursive: true, filter: (path) => !path.endsWith('/lock') })
  return copy
}

/** The paths of the files of the sessions. */
export async function sessionFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'sessions'))
  return names.map((name) => join(folder, 'sessions', name))
}

/** Everything that the store shows of a session. The owner of a turn has died, or is about to. */
export async function everythingOf(store: Store, id: string, letterIds: readonly string[]) {
  const record = await store.session(id)
  const turn = record?.turn && {
    ...record.turn,
    owner: record.turn.owner.replace(handedOver, ''),
  }
  const logIds = [...letterIds.map((letterId) => `re-${letterId}`), ...(turn ? [turn.logId] : [])]
  const read = async (logId: string) => [logId, await store.readLog(id, logId, undefined, 1000)]
  return {
    record: record && { ...record, turn },
    messages: await store.messages(id),
    context: await store.context(id),
    branches: await store.branches(id),
    mailbox: await store.mailbox(id),
    places: await Promise.all(letterIds.map((letterId) => store.findLetter(id, letterId))),
    logs: await Promise.all(logIds.map(read)),
  }
}
