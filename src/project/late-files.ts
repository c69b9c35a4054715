/**
 * The loads of files for `loom dev`. A file whose top level awaits something slow, or without an end, must not
 * delay the changes of the other files: its load goes on, and its agents come when it has ended.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { type LoadedFile, loadFile } from './agents.ts'
import type { ModuleFile } from './module-file.ts'

/** The time that a reload waits for one file, in milliseconds. */
const patienceMs = 2000

interface LateLoad {
  file: ModuleFile
  /** Undefined while the file loads. */
  loaded: LoadedFile | undefined
}

export class LateFiles {
  readonly #loads = new Map<string, LateLoad>()
  readonly #notice: (line: string) => void
  #end = Promise.withResolvers<void>()

  /** @param notice receives a line for each file that loads slowly */
  constructor(notice: (line: string) => void) {
    this.#notice = notice
  }

  /** Whether a file loads still. */
  get isLoading(): boolean {
    return [...this.#loads.values()].some(({ loaded }) => loaded === undefined)
  }

  /** Returns the agents of a file, or undefined while it loads. */
  async load(file: ModuleFile): Promise<LoadedFile | undefined> {
    const earlier = this.#loads.get(file.path)
    if (earlier !== undefined) return earlier.loaded
    const loading = loadFile(file)
    // At the start of the command, only this timer keeps the process running.
    const timer = new AbortController()
    const late = delay(patienceMs, undefined, { signal: timer.signal }).catch(() => undefined)
    const first = await Promise.race([loading, late]).finally(() => timer.abort())
    if (first !== undefined) return first
    this.#note(file, loading)
    return undefined
  }

  #note(file: ModuleFile, loading: Promise<LoadedFile>): void {
    const load: LateLoad = { file, loaded: undefined }
    this.#loads.set(file.path, load)
    this.#notice(
      `${file.path} has not loaded after ${patienceMs / 1000} s: it awaits something at its top level. The other files are served, and its last version if there is one. Move what takes long into a tool or a callback.`,
    )
    const settle = (loaded: LoadedFile) => {
      load.loaded = loaded
      if (this.#loads.get(file.path) === load) this.#end.resolve()
    }
    // A failure that is no error of the file is one of Loom: the next reload reports it.
    loading.then(settle, () => this.forget((each) => each === file))
  }

  /** Settles when a late load ends. */
  async end(): Promise<void> {
    await this.#end.promise
    this.#end = Promise.withResolvers()
  }

  /** Loads these files again at the next reload: they have changed. */
  forget(hasChanged: (file: ModuleFile) => boolean): void {
    for (const [path, { file }] of this.#loads) if (hasChanged(file)) this.#loads.delete(path)
  }
}
