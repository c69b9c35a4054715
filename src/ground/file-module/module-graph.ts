/**
 * The files of the user that this process has imported, and which file imports which. Node.js loads a
 * module once for each address. A file that has changed therefore gets a new address, and so does
 * each file that imports it, directly or through others. All other modules stay as they are.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export class ModuleGraph {
  /** The importers of each file, by absolute path. */
  readonly #importers = new Map<string, Set<string>>()
  readonly #versions = new Map<string, number>()

  /** The absolute paths of all files, also of missing ones that a file imports. */
  get files(): string[] {
    return [...this.#importers.keys()]
  }

  has(file: string): boolean {
    return this.#importers.has(file)
  }

  /** @param importer the file that imports it; undefined if the command imports it */
  add(file: string, importer?: string): void {
    const importers = this.#importers.get(file) ?? new Set()
    this.#importers.set(file, importers)
    if (importer !== undefined) importers.add(importer)
  }

  /** The address of the present version of the file. */
  addressOf(file: string): string {
    const version = this.#versions.get(file)
    const { href } = pathToFileURL(file)
    return version === undefined ? href : `${href}?loom=${version}`
  }

  /**
   * Makes the next import of these files, and of the files that import them, read the files again.
   * Returns all these files.
   */
  invalidate(files: Iterable<string>): Set<string> {
    const reached = new Set<string>()
    const open = [...files].filter((file) => this.has(file))
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (reached.has(file)) continue
      reached.add(file)
      open.push(...(this.#importers.get(file) ?? []))
    }
    // CommonJS modules have no address. Node.js keeps them by their path.
    const { cache } = createRequire(join(process.cwd(), 'loom'))
    for (const file of reached) {
      this.#versions.set(file, (this.#versions.get(file) ?? 0) + 1)
      delete cache[file]
    }
    return reached
  }
}
