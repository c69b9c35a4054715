/**
 * The command and all that it imports as a few files or one. What is imported late only runs when it
 * is asked for, also where it is in the same file.
 */
import { join } from 'node:path'

import { type Plugin, rolldown } from 'rolldown'

import { root } from './place.ts'

export interface Bundle {
  /** What starts. */
  main: string
  /** What it imports, by file name. */
  chunks: ReadonlyMap<string, string>
  /** The files of packages that are in it. */
  modules: readonly string[]
}

export interface BundleOptions {
  /** The text of the module that has the files which travel inside. */
  embedding: string
  isOneFile: boolean
}

export async function bundle({ embedding, isOneFile }: BundleOptions): Promise<Bundle> {
  const build = await rolldown({
    input: join(root, 'bin/loom.mjs'),
    cwd: root,
    platform: 'node',
    // It says where the file of its package lies; in here there is no such place.
    external: ['@vscode/ripgrep'],
    plugins: [
      standIn(join(root, 'src/ground/asset/embedded.ts'), embedding),
      standIn(join(root, 'bin/main.mjs'), "export { main } from '../src/main.ts'"),
    ],
    transform: { define: { 'process.env.NODE_ENV': '"production"' }, target: 'node22.19' },
    // Most of it never runs: what is not asked for is not to be compiled.
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
    if (main?.isEntry !== true) throw new Error('The first chunk is not what starts.')
    return {
      main: main.code,
      chunks: new Map(others.map(({ fileName, code }) => [fileName, code])),
      modules: chunks.flatMap(({ modules }) => Object.keys(modules)),
    }
  } finally {
    await build.close()
  }
}

function standIn(file: string, code: string): Plugin {
  return {
    name: 'stand-in',
    load: (id) => (id === file ? { code, moduleType: 'js' } : undefined),
  }
}
