/**
 * Loom's own agents and tools: the modules of the folders `agents/` and `tools/`. The sources and the
 * package have these folders beside their code. The build of a single-file artefact replaces this
 * module by one that contains the modules.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { type ModuleFile, type ModuleKind, modulesIn, shownPath } from './project/module-file.ts'

export interface BuiltIn {
  /** The folder of the modules. Undefined if they are inside an artefact. */
  folder: (kind: ModuleKind) => string | undefined
  modules: (kind: ModuleKind) => Promise<ModuleFile[]>
}

/** @param root the folder that contains the folders of the modules */
export function builtInModules(root: string): BuiltIn {
  const folder = (kind: ModuleKind) => join(root, `${kind}s`)
  return {
    folder,
    async modules(kind) {
      const files = await modulesIn(folder(kind), kind)
      return files.map((file) => ({
        path: shownPath(file, root),
        load: () => import(pathToFileURL(file).href),
      }))
    },
  }
}
