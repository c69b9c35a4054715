/**
 * Joins the modules of the library into fewer files, because the import of many small files takes most of
 * the time and half of the memory of an import of the package. The exported modules, and the modules
 * of `agents/` and `tools/`, keep their paths.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { type Plugin, rolldown } from 'rolldown'

import { modulesIn } from '../../src/project/module-file.ts'
import { place, root } from './place.ts'

/**
 * @param files the compiled modules, which this function replaces
 * @param assets those of them that contain files: each stays a file of its own, because few programs need it
 */
export async function joinModules(
  files: readonly string[],
  assets: readonly string[],
): Promise<void> {
  const contents = assets.map((file) => relative(place.library, file).replace(/\.js$/, ''))
  const entries = [...(await entryModules()), ...contents]
  const imports = new Map<string, readonly string[]>()
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, fileOf(name)])),
    cwd: place.library,
    platform: 'node',
    // Packages, the condition `#connections`, and the manifest of the package.
    external: (id) => !/^[./]/.test(id) || id.endsWith('/package.json'),
    plugins: [recorder(imports)],
    // rolldown needs this for groups without their imports. `groupOf` keeps the names of the exports.
    preserveEntrySignatures: 'allow-extension',
    checks: { ineffectiveDynamicImport: false },
    logLevel: 'warn',
  })
  try {
    const { output } = await build.generate({
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name]-[hash].js',
      // The comments are in the declarations, and a third of the bytes of the code. Notices and annotations for bundlers stay.
      comments: { legal: true, annotation: true, jsdoc: false },
      codeSplitting: {
        includeDependenciesRecursively: false,
        groups: [
          {
            debugName: 'library',
            name: (id) => groupOf(id, (name) => reach(fileOf(name), imports), entries),
          },
        ],
      },
    })
    for (const file of files) rmSync(file)
    for (const chunk of output) {
      const file = join(place.library, chunk.fileName)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, chunk.type === 'chunk' ? chunk.code : chunk.source)
    }
  } finally {
    await build.close()
  }
}

const fileOf = (name: string) => join(place.library, `${name}.js`)

/** The modules that keep their paths, without their ending: `src/index`. */
async function entryModules(): Promise<string[]> {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  const named = manifest.matchAll(/"\.\/dist\/library\/([^"]+)\.js"/g)
  const folders = await Promise.all(
    (['agent', 'tool'] as const).map((kind) => modulesIn(join(root, `${kind}s`), kind)),
  )
  const files = folders.flat().map((file) => relative(root, file).replace(/\.ts$/, ''))
  // The command of the package imports it by its path; see `bin/main.mjs`.
  return [...new Set(['src/main', ...[...named].map(([, name = '']) => name), ...files])]
}

/** Stores the static imports of each module. */
function recorder(imports: Map<string, readonly string[]>): Plugin {
  return {
    name: 'recorder',
    buildEnd() {
      for (const id of this.getModuleIds())
        imports.set(id, this.getModuleInfo(id)?.importedIds ?? [])
    },
  }
}

/** The modules that a module imports when it is loaded, itself included. */
function reach(file: string, imports: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set([file])
  for (const id of found) for (const imported of imports.get(id) ?? []) found.add(imported)
  return found
}

/** These load only what they need themselves: a page, and each start of the command. */
const small = ['src/client', 'src/main', 'src/ground/node-version']

/** The entries that have routes, and so import `hono`. */
const routed = ['src/index', 'src/entries/hono']

/**
 * Returns the file of a module that the import of `loomkit` loads: `tools` for agents and tools, which a
 * bundler leaves out if a program uses none of them; `library` if only the entries with routes need it;
 * otherwise `core`.
 */
function groupOf(
  id: string,
  reachOf: (name: string) => ReadonlySet<string>,
  entries: readonly string[],
): string | null {
  // An entry with other modules in its file would export more than its own names.
  if (entries.some((name) => fileOf(name) === id)) return null
  if (!reachOf('src/index').has(id) || small.some((name) => reachOf(name).has(id))) return null
  if (/^(?:agents|tools)\b/.test(relative(place.library, id))) return 'tools'
  const others = entries.filter((name) => !routed.includes(name) && !small.includes(name))
  return others.some((name) => reachOf(name).has(id)) ? 'core' : 'library'
}
