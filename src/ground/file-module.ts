/**
 * Imports TypeScript or JavaScript modules of the user by their file: `loom --agent ./tutor.ts`.
 * Never call `import()` on them in this file: in a single executable it finds only Node's own
 * modules. If such a module imports `loomkit`, it gets the Loom that is running now, whether this Loom
 * is a package or an artefact.
 */
import { realpath } from 'node:fs/promises'
import nodeModule from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { ModuleGraph } from './file-module/module-graph.ts'

export interface ProvidedModule {
  load: () => Promise<object>
  /**
   * The address of the module, if it is a file. Node.js then loads it when a file imports it.
   * Without an address, it is loaded before the first file.
   */
  address?: string | undefined
  /**
   * Whether this module is used even if the user has installed a package with the same name. Set it
   * for a package of which only one copy may be loaded. @defaultValue false
   */
  isExclusive?: boolean
}

export interface FileModulesOptions {
  /** Modules by their import name. */
  provided: Readonly<Record<string, ProvidedModule>>
  /** The address of the folder of this Loom. Its modules are not the user's. */
  ownFolder?: string | undefined
}

export interface FileModules {
  /** Imports the present version of a file. The first call registers the module hooks. */
  importFile: ImportFile
  /** The files that were imported, and their own imports outside `node_modules`. */
  graph: ModuleGraph
  /** The file that Node.js read last. If a syntax error names no file, it is in this one. */
  lastRead: () => string | undefined
  /**
   * Returns an error that names the line of a syntax error in a JavaScript file. Node.js names it only
   * for TypeScript, so this reads the file as TypeScript.
   */
  syntaxErrorOf: (file: string) => Promise<unknown>
}

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

export function fileModules(options: FileModulesOptions): FileModules {
  const graph = new ModuleGraph()
  let lastRead: string | undefined
  let opening: Promise<Bridge['load']> | undefined
  const onRead = (file: string) => (lastRead = file)
  return {
    graph,
    lastRead: () => lastRead,
    async importFile(path) {
      opening ??= openBridge(options, { graph, onRead })
      const load = await opening
      const file = resolve(path)
      // Node.js keeps the target of a link that it has followed, and the link may have another one now.
      const target = await realpath(file).catch(() => file)
      return load(pathToFileURL(target).href)
    },
    async syntaxErrorOf(file) {
      const load = await opening
      return load?.(pathToFileURL(file).href + asTypeScript).then(
        () => undefined,
        (error: unknown) => error,
      )
    },
  }
}

/** The end of the address of a file that is read as TypeScript. */
const asTypeScript = '?loom=syntax'

interface Observer {
  graph: ModuleGraph
  onRead: (file: string) => void
}

async function openBridge(
  { provided, ownFolder }: FileModulesOptions,
  { graph, onRead }: Observer,
): Promise<Bridge['load']> {
  const modules = new Map<string, object>()
  for (const [name, { load, address }] of Object.entries(provided)) {
    if (address === undefined) modules.set(name, await load())
  }
  const providedAt = (name: string) => {
    const address = provided[name]?.address
    if (address !== undefined) return { url: address, shortCircuit: true }
    return moduleAt(providedScheme + name)
  }
  /** The file at this address, if it is the user's and no installed package. */
  const userFile = (url: string): string | undefined => {
    if (!url.startsWith('file:') || url.includes('/node_modules/')) return undefined
    if (ownFolder !== undefined && url.startsWith(ownFolder)) return undefined
    return fileURLToPath(url)
  }
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      if (specifier === bridge || specifier.startsWith(providedScheme)) return moduleAt(specifier)
      const isProvided = Object.hasOwn(provided, specifier)
      if (isProvided && provided[specifier]?.isExclusive === true) return providedAt(specifier)
      const { parentURL = '' } = context
      const isFirst = parentURL === bridge
      const parent = isFirst ? undefined : userFile(parentURL)
      const isOurs = isFirst || (parent !== undefined && graph.has(parent))
      try {
        const found = next(specifier, context)
        if (specifier.endsWith(asTypeScript)) return found
        const file = isOurs ? userFile(found.url) : undefined
        if (file === undefined) return found
        graph.add(file, parent)
        // `require` finds modules by their path.
        const isRequired = context.conditions.includes('require')
        return isRequired ? found : { ...found, url: graph.addressOf(file) }
      } catch (error) {
        if (!isNotFound(error)) throw error
        if (isProvided) return providedAt(specifier)
        // The importer is read again when the missing file exists.
        if (isOurs && /^\.{0,2}\//.test(specifier)) {
          graph.add(fileURLToPath(new URL(specifier, parentURL)), parent)
        }
        throw error
      }
    },
    load(url, context, next) {
      if (url === bridge) return source(bridgeSource)
      if (url.startsWith(providedScheme)) {
        const name = url.slice(providedScheme.length)
        return source(reexport(name, modules.get(name) ?? {}))
      }
      if (url.endsWith(asTypeScript)) return next(url, { ...context, format: 'module-typescript' })
      const file = userFile(url)
      if (file === undefined || !graph.has(file)) return next(url, context)
      onRead(file)
      const isCommonJs = context.format?.startsWith('commonjs') === true
      return isCommonJs && url.includes('?') ? source(required(file)) : next(url, context)
    },
  })
  // `require` loads a separate copy of the bridge. Other modules use only the copy that `import`
  // loads.
  const first: Bridge = nodeModule.createRequire(join(process.cwd(), 'loom'))(bridge)
  const { modules: shared, load } = await first.imported()
  for (const [name, module] of modules) shared.set(name, module)
  return load
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

/**
 * Returns a module text that exports a CommonJS module which has changed. For an import, Node.js keeps
 * the first version of such a module.
 */
function required(file: string): string {
  const path = JSON.stringify(file)
  const module: unknown = nodeModule.createRequire(file)(file)
  const names = isObject(module) ? Object.keys(module).filter((name) => name !== 'default') : []
  return [
    'import nodeModule from "node:module"',
    `const module = nodeModule.createRequire(${path})(${path})`,
    ...names.map((each, index) => `const _${index} = module[${JSON.stringify(each)}]`),
    `export { ${['module as default', ...names.map((each, index) => `_${index} as ${JSON.stringify(each)}`)].join(', ')} }`,
  ].join('\n')
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

function isNotFound(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
