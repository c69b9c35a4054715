/** The agents of files that change while the program runs. */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { LoomError } from '../ground/error.ts'
import { type AgentOfFile, type AppAgents, jointAgents, jointError } from './agents.ts'
import type { Project } from './default-folder.ts'
import { FileWatch } from './file-watch.ts'
import { LateFiles } from './late-files.ts'
import { folderAt, isCandidate, isFolder, type ModuleFile } from './module-file.ts'
import { servedModules } from './served-modules.ts'

export interface ReloadOptions {
  project: Project
  paths: readonly string[]
  /** Receives a line for each file that cannot be used. */
  notice: (line: string) => void
}

export class ReloadedAgents {
  readonly #options: ReloadOptions
  /** The agents of the last good version of each file. */
  readonly #good = new Map<string, readonly AgentOfFile[]>()
  readonly #watch: FileWatch
  readonly #late: LateFiles
  /** The next change of the files. */
  #changed: ReturnType<FileWatch['next']> | undefined
  #failures: readonly LoomError[] = []
  /** The failures that were reported to the user. */
  #reported = new Set<string>()

  constructor(options: ReloadOptions) {
    this.#options = options
    const { graph } = options.project.modules
    this.#late = new LateFiles(options.notice)
    this.#watch = new FileWatch({ files: () => graph.files, folders: () => this.#folders() })
  }

  /** Whether a file cannot be used now, or has not loaded yet. */
  get isFaulty(): boolean {
    return this.#failures.length > 0 || this.#late.isLoading
  }

  /**
   * Loads the present versions of the files. A file that cannot be used, or loads slowly, is reported once, and
   * keeps its last agents.
   * @throws LoomError `invalid-config` if two agents have one name
   */
  async load(): Promise<AppAgents> {
    const { files, faults } = await this.#files()
    const failures: LoomError[] = []
    for (const file of files) {
      const loaded = await this.#late.load(file)
      if (loaded?.failure !== undefined) failures.push(loaded.failure)
      else if (loaded !== undefined) this.#good.set(loaded.path, loaded.agents)
    }
    const present = new Set(files.map(({ path }) => path))
    for (const path of this.#good.keys()) if (!present.has(path)) this.#good.delete(path)
    this.#failures = [...faults, ...failures]
    this.#report()
    return jointAgents(files.flatMap(({ path }) => this.#good.get(path) ?? []))
  }

  /** A path that is missing now may exist later. */
  async #files(): Promise<{ files: ModuleFile[]; faults: LoomError[] }> {
    const { project, paths } = this.#options
    const sources = paths.length === 0 ? [[]] : paths.map((path) => [path])
    const files = new Map<string, ModuleFile>()
    const faults: LoomError[] = []
    for (const source of sources) {
      try {
        const found = await servedModules(source, project)
        for (const file of found) files.set(file.path, file)
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        faults.push(error)
      }
    }
    return { files: [...files.values()], faults }
  }

  #report(): void {
    const lines = this.#failures.length > 0 ? jointError(this.#failures).message.split('\n') : []
    const isKnown = this.#reported
    this.#reported = new Set(lines)
    for (const line of lines) if (!isKnown.has(line)) this.#options.notice(line)
  }

  /** Waits until a file has changed, or a slow one has loaded. Returns false after `close`. */
  async change(): Promise<boolean> {
    this.#changed ??= this.#watch.next()
    const loadEnd = this.#late.end().then(() => 'loaded' as const)
    const changed = await Promise.race([this.#changed, loadEnd])
    if (changed === 'loaded') return true
    this.#changed = undefined
    if (changed === undefined) return false
    const { graph } = this.#options.project.modules
    const reached = graph.invalidate(changed)
    // The graph has a file that is behind a link under another path.
    this.#late.forget(({ file = '' }) => reached.has(file) || !graph.has(file))
    // A file that is saved with the same fault is reported again.
    if (reached.size > 0) this.#reported.clear()
    return true
  }

  close(): void {
    this.#watch.close()
  }

  /** The folders of agents with their sub-folders. A new file in them may be an agent. */
  async #folders(): Promise<string[]> {
    const { project, paths } = this.#options
    const { directory } = project
    const roots = paths.length === 0 ? ['agents'] : paths
    const found = await Promise.all(
      roots.map(async (path) => {
        const place = resolve(directory, path)
        const folder = (await isFolder(place)) ? await folderAt(place, 'agent') : place
        const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
        const inner = entries.filter((entry) => !entry.isFile() && isCandidate(entry.name))
        return [place, folder, ...inner.map(({ name }) => join(folder, name))]
      }),
    )
    return [...new Set([directory, ...found.flat()])]
  }
}
