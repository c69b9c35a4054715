/** Compiles blocks of code in one program, under the strict settings of the project. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { place } from '../../bin/build/place.ts'
import { buildLibrary } from '../artefacts/built.ts'
import { packageEntries } from '../package-entries.ts'
import { type Block, root } from './pages.ts'
import type { WrittenFiles } from './written-files.ts'

/** The declarations of the package: the compiler would check all sources with each program. */
const declared = (path: string) => join(place.library, path.replace(/\.ts$/, '.d.ts'))

const paths = {
  ...Object.fromEntries(
    Object.entries(packageEntries()).map(([name, path]) => [name, [declared(path)]]),
  ),
  // The newest of the packages that the tests have under several names.
  '@ai-sdk/react': [join(root, 'node_modules/ai-react7/dist/index.d.ts')],
}

/** A page with an older version of the package. */
const older = (name: string) => ({
  ...page,
  paths: { ...paths, '@ai-sdk/react': [join(root, `node_modules/${name}/dist/index.d.ts`)] },
})

const page = { paths, jsx: 'react-jsx', lib: ['es2024', 'dom', 'dom.iterable'], types: [] }

/** Programs, pages and examples have other globals and rules. */
const compilerOptions = {
  ts: { paths },
  tsx: page,
  'tsx of ai 5': older('ai-react5'),
  'tsx of ai 6': older('ai-react6'),
  // An example of a docstring ends with the value that it shows.
  example: { paths, noUnusedLocals: false },
}

/** @returns one line for each error, which begins with the place of its block: `page:line: ` */
export async function errorsIn(
  written: WrittenFiles,
  kind: keyof typeof compilerOptions,
): Promise<string[]> {
  const reports = await reportsIn(written, kind)
  return reports.map(({ block, text }) => `${block?.page}:${block?.line}: ${text.split('\n')[0]}`)
}

export interface Report {
  /** Undefined if the error is in no block. */
  block: Block | undefined
  /** The error with all its lines. */
  text: string
}

/** @returns each error, with the block that has it */
export async function reportsIn(
  written: WrittenFiles,
  kind: keyof typeof compilerOptions,
): Promise<Report[]> {
  await buildLibrary()
  const settings = {
    extends: join(root, 'tsconfig.json'),
    include: ['.'],
    compilerOptions: compilerOptions[kind],
  }
  writeFileSync(join(written.folder, 'tsconfig.json'), JSON.stringify(settings))
  // The second and later lines of an error are indented.
  const errors = (await tsc(written.folder)).trimEnd().split(/\n(?! )/)
  return errors
    .filter((text) => text.includes('error TS'))
    .map((text) => ({ block: written.files.get(/^([\w/.-]+)\(/.exec(text)?.[1] ?? ''), text }))
}

/** @throws Error if the compiler fails without a report */
async function tsc(folder: string): Promise<string> {
  const compiler = join(root, 'node_modules/.bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '--pretty', 'false'], {
    cwd: folder,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string }) => {
    if (error.stdout === undefined || error.stdout === '') throw error
    return { stdout: error.stdout }
  })
  return stdout
}
