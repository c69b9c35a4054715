/**
 * The code that replaces `src/built-in.ts` in a single-file artefact. It imports each module of
 * `agents/` and `tools/`, so that a new file needs no change here.
 */
import { join } from 'node:path'

import { modulesIn, type ModuleKind, shownPath } from '../../src/project/module-file.ts'
import { root } from './place.ts'

export async function builtInModules(): Promise<string> {
  return `const modules = {
  agent: ${await listOf('agent')},
  tool: ${await listOf('tool')},
}
const builtIn = { modules: async (kind) => modules[kind] }
export const builtInModules = () => builtIn
`
}

async function listOf(kind: ModuleKind): Promise<string> {
  const files = await modulesIn(join(root, `${kind}s`), kind)
  const entries = files.map((file) => {
    const path = JSON.stringify(shownPath(file, root))
    return `{ path: ${path}, load: () => import(${JSON.stringify(file)}) }`
  })
  return `[${entries.join(', ')}]`
}
