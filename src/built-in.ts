/**
 * Loom's own agents and tools: the modules of the folders `agents/` and `tools/`. The sources and the
 * package have these folders beside their code. The build of a single-file artefact replaces this
 * module by one that contains the modules.
 */
import { fileURLToPath, pathToFileURL } from 'node:url'

import { type ModuleFile, type ModuleKind, modulesIn, shownPath } from './project/module-file.ts'

export interface BuiltIn {
  /** The folder of the modules. Undefined if they are inside an artefact. */
  folder: (kind: ModuleKind) => string | undefined
  modules: (kind: ModuleKind) => Promise<ModuleFile[]>
}

const folder = (kind: ModuleKind) => fileURLToPath(new URL(`../${kind}s`, import.meta.url))

export const builtIn: BuiltIn = {
  folder,
  async modules(kind) {
    const files = await modulesIn(folder(kind), kind)
    return files.map((file) => ({
      path: shownPath(file, fileURLToPath(new URL('..', import.meta.url))),
      load: () => import(pathToFileURL(file).href),
    }))
  },
}
