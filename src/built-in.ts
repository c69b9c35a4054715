/**
 * Loom's own agents and tools: the modules of the folders `agents/` and `tools/`. The sources and the
 * package have these folders beside their code. The build of a single-file artefact replaces this
 * module by one that contains the modules.
 */
import { join } from 'node:path'

import type { FileModules } from './ground/file-module.ts'
import { moduleFile } from './project/load-module.ts'
import { type ModuleFile, type ModuleKind, modulesIn } from './project/module-file.ts'

export interface BuiltIn {
  modules: (kind: ModuleKind) => Promise<ModuleFile[]>
}

/** @param directory the folder that contains the folders of the modules */
export function builtInModules(directory: string, modules: FileModules): BuiltIn {
  return {
    async modules(kind) {
      const files = await modulesIn(join(directory, `${kind}s`), kind)
      return files.map((file) => moduleFile(file, { directory, modules }))
    },
  }
}
