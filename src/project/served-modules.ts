/** The modules whose agents a server offers. */
import { ownModules, type Project } from './default-folder.ts'
import { moduleFile } from './load-module.ts'
import { modulesAt, type ModuleFile } from './module-file.ts'

/**
 * @param paths files, folders of agents, or projects. None: `./agents`, or Loom's own agents where it
 * does not exist
 * @throws LoomError `invalid-request` for a path with nothing, or `invalid-config` for one without agents
 */
export async function servedModules(
  paths: readonly string[],
  world: Project,
): Promise<ModuleFile[]> {
  if (paths.length === 0) {
    return (await ownModules('agent', world)) ?? world.builtIn.modules('agent')
  }
  const { directory } = world
  const found = await Promise.all(
    paths.map((path) => modulesAt(path, { directory, kind: 'agent' })),
  )
  return [...new Set(found.flat())].map((file) => moduleFile(file, world))
}
