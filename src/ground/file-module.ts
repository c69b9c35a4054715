/**
 * Imports TypeScript or JavaScript modules of the user by their file: `loom --agent ./tutor.ts`.
 * Never call `import()` on them in this file: in a single executable it finds only Node's own
 * modules. If such a module imports `loomkit`, it gets the Loom that is running now, whether this Loom
 * is a package or an artefact.
 */
import nodeModule from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface ProvidedModule {
  load: () => Promise<object>
  /**
   * Whether this module is used even if the user has installed a package with the same name. Set it
   * for a package of which only one copy may be loaded. @defaultValue false
   */
  isExclusive?: boolean
}

/** Modules by their import name. */
export type ProvidedModules = Readonly<Record<string, ProvidedModule>>

export type ImportFile = (path: string) => Promise<object>

/**
 * A module from a source text. Its `import()` reads files from the disk, also if this file is part of a
 * single executable.
 */
const bridge = 'loom:bridge'
const bridgeSource = `export const modules = new Map()
export const load = (url) => import(url)
export const imported = () => import("${bridge}")`

const providedScheme = 'loom:provided/'

/** Returns the function that imports a file. Its first call registers the module hooks. */
export function fileModules(provided: ProvidedModules): ImportFile {
  let opening: Promise<ImportFile> | undefined
  return async (path) => {
    opening ??= openBridge(provided)
    const importFile = await opening
    return importFile(path)
  }
}

async function openBridge(provided: ProvidedModules): Promise<ImportFile> {
  const modules = new Map<string, object>()
  for (const [name, { load }] of Object.entries(provided)) modules.set(name, await load())
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      if (specifier === bridge || specifier.startsWith(providedScheme)) return moduleAt(specifier)
      if (!modules.has(specifier)) return next(specifier, context)
      if (provided[specifier]?.isExclusive === true) return moduleAt(providedScheme + specifier)
      try {
        return next(specifier, context)
      } catch (error) {
        if (!isNotFound(error)) throw error
        return moduleAt(providedScheme + specifier)
      }
    },
    load(url, context, next) {
      if (url === bridge) return source(bridgeSource)
      if (!url.startsWith(providedScheme)) return next(url, context)
      const name = url.slice(providedScheme.length)
      return source(reexport(name, modules.get(name) ?? {}))
    },
  })
  // `require` loads a separate copy of the bridge. Other modules use only the copy that `import`
  // loads.
  const first: Bridge = nodeModule.createRequire(join(process.cwd(), 'loom'))(bridge)
  const { modules: shared, load } = await first.imported()
  for (const [name, module] of modules) shared.set(name, module)
  return (path) => load(pathToFileURL(resolve(path)).href)
}

interface Bridge {
  modules: Map<string, object>
  load: (url: string) => Promise<object>
  imported: () => Promise<Bridge>
}

const moduleAt = (url: string) => ({ url, format: 'module', shortCircuit: true })
const source = (text: string) => ({ format: 'module', source: text, shortCircuit: true })

/**
 * Returns a module text that exports all names. The name of an export may not be allowed as a
 * variable name, for example zod's `catch`.
 */
function reexport(name: string, module: object): string {
  const names = Object.keys(module)
  return [
    `import { modules } from "${bridge}"`,
    `const module = modules.get(${JSON.stringify(name)})`,
    ...names.map((each, index) => `const _${index} = module[${JSON.stringify(each)}]`),
    `export { ${names.map((each, index) => `_${index} as ${each}`).join(', ')} }`,
  ].join('\n')
}

function isNotFound(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
