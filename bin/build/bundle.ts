/**
 * Bundles the command and its imports into one file or a few files. A module that is imported late
 * runs only when it is needed, also if it is in the same file.
 */
import { join } from 'node:path'

import { type Plugin, rolldown } from 'rolldown'

import { builtInModules } from './built-in-modules.ts'
import { root } from './place.ts'
import { ripgrepModule } from './ripgrep.ts'

export interface Bundle {
  /** The code of the entry point. */
  main: string
  /** The code that the entry point imports, by file name. */
  chunks: ReadonlyMap<string, string>
  /** The source files in the bundle. */
  modules: readonly string[]
}

export interface BundleOptions {
  /** The code of the module that reads the embedded files. */
  embedding: string
  isOneFile: boolean
  /** The code that returns the path of ripgrep. @defaultValue the package `@vscode/ripgrep` */
  ripgrep?: string
}

export async function bundle({ embedding, isOneFile, ripgrep }: BundleOptions): Promise<Bundle> {
  const build = await rolldown({
    input: join(root, 'bin/loom.mjs'),
    cwd: root,
    platform: 'node',
    // The packages of OpenTelemetry have a form that leaves out unused code, in this field.
    resolve: { mainFields: ['module', 'main'] },
    // `@vscode/ripgrep` returns the path of a file in its folder. The bundle has no such folder. Only tests
    // of stores use fast-check, and they run in a project.
    external: ['fast-check', ...(ripgrep === undefined ? ['@vscode/ripgrep'] : [])],
    plugins: [
      ...(ripgrep === undefined ? [] : [replacement(ripgrepModule, ripgrep)]),
      replacement(join(root, 'src/ground/asset/embedded.ts'), embedding),
      replacement(join(root, 'src/built-in.ts'), await builtInModules()),
      replacement(join(root, 'node_modules/rate-limiter-flexible/index.js'), limiters),
      replacement(
        join(root, 'node_modules/@modelcontextprotocol/server/dist/shimsNode.mjs'),
        shims,
      ),
      replacement(join(root, 'bin/main.mjs'), "export { main } from '../src/main.ts'"),
    ],
    transform: { define: { 'process.env.NODE_ENV': '"production"' }, target: 'node22.19' },
    // Most modules never run, so they must not be compiled in advance.
    optimization: { pifeForModuleWrappers: false },
    logLevel: 'warn',
  })
  try {
    const { output } = await build.generate({
      format: 'esm',
      codeSplitting: !isOneFile,
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
      minify: true,
      comments: false,
    })
    const chunks = output.filter((chunk) => chunk.type === 'chunk')
    const [main, ...others] = chunks
    if (main?.isEntry !== true) throw new Error('The first chunk is not the entry point.')
    return {
      main: main.code,
      chunks: new Map(others.map(({ fileName, code }) => [fileName, code])),
      modules: chunks.flatMap(({ modules }) => Object.keys(modules)),
    }
  } finally {
    await build.close()
  }
}

/** The package has a limiter for each of 15 stores. The server uses those of Redis and of memory. */
const limiters = ['RateLimiterMemory', 'RateLimiterRedis', 'RateLimiterRes']
  .map((name) => `exports.${name} = require('./lib/${name}.js')`)
  .join('\n')

/** The MCP server has a validator of JSON schemas, which `src/mcp-server/` does not use. */
const shims = `import process from 'node:process'
class DefaultJsonSchemaValidator { getValidator() { throw new Error('There is no validator.') } }
export { DefaultJsonSchemaValidator, process }`

function replacement(file: string, code: string): Plugin {
  return {
    name: 'replacement',
    load: (id) => (id === file ? { code, moduleType: 'js' } : undefined),
  }
}
