/** The store in files, as the library exports it: its modules load at the first call. */
import type { Store } from '../store.ts'
import type { FileStoreOptions } from './file.ts'

/**
 * Opens a store in the files of a folder, for one process. It survives the end of the process at any moment:
 * a change that a call has confirmed is on the disk, and only a power cut can lose the end of an unfinished answer. A
 * turn that ran continues when the next process opens the folder and has its agent. When the disk is full,
 * calls reject with `unavailable`, and they work again when it has space. `Loom.close` closes the store too.
 * @throws LoomError `invalid-config` if another process uses the folder, or the path is no folder;
 * `unavailable` if the folder cannot be read and written
 * @example
 * ```ts
 * import { defineAgent, Loom, openFileStore } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const loom = new Loom({ agents: [agent], store: await openFileStore({ folder: './data' }) })
 * const { text } = await loom.startAgent('tutor', 'lesson-1').call('What is 2 + 2?')
 * await loom.close()
 * ```
 */
export async function openFileStore(options: FileStoreOptions): Promise<Store> {
  const file = await import('./file.ts')
  return file.openFileStore(options)
}
