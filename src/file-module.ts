/**
 * Modules that the user names by a file, TypeScript or JavaScript: `loom --agent ./tutor.ts`. Never
 * `import()` them from here: in a single executable that knows Node's own modules and nothing else.
 * What they import as `loom` is the Loom that runs, wherever it is installed or built into.
 */
import nodeModule from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface ProvidedModule {
  load: () => Promise<object>
  /** Also where the file has such a package near it: there must not be two of this one. */
  isOnlyOurs?: boolean
}

/** By the name that they are imported as. */
export type ProvidedModules = Readonly<Record<string, ProvidedModule>>

export type ImportFile = (path: string) => Promise<object>

/** Loaded from what is read, so that its `import()` reads files wherever this one was built into. */
const bridge = 'loom:bridge'
const bridgeSource = `export const modules = new Map()
export const load = (url) => import(url)
export const imported = () => import("${bridge}")`

const providedScheme = 'loom:provided/'

/** Gives the function that imports them. What they need is prepared when it is first called. */
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
      if (specifier === bridge || specifier.startsWith(providedScheme)) return ours(specifier)
      if (!modules.has(specifier)) return next(specifier, context)
      if (provided[specifier]?.isOnlyOurs === true) return ours(providedScheme + specifier)
      try {
        return next(specifier, context)
      } catch (error) {
        if (!isNotFound(error)) throw error
        return ours(providedScheme + specifier)
      }
    },
    load(url, context, next) {
      if (url === bridge) return source(bridgeSource)
      if (!url.startsWith(providedScheme)) return next(url, context)
      const name = url.slice(providedScheme.length)
      return source(reexport(name, modules.get(name) ?? {}))
    },
  })
  // `require` gives one that stands for a file; only the one that it imports is what others get.
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

const ours = (url: string) => ({ url, format: 'module', shortCircuit: true })
const source = (text: string) => ({ format: 'module', source: text, shortCircuit: true })

/** A name that is exported may be no name of a variable, as zod's `catch` is. */
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
