/** Every TypeScript block of the documentation compiles under the strict settings of the project. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

import { root } from './pages.ts'
import { writeFiles } from './written-files.ts'

const shared = {
  extends: join(root, 'tsconfig.json'),
  include: ['.'],
}
const paths = {
  loom: [join(root, 'src/index.ts')],
  'loom/client': [join(root, 'src/client.ts')],
  // The newest of the packages that the tests have under several names.
  '@ai-sdk/react': [join(root, 'node_modules/ai-react7/dist/index.d.ts')],
}

/** Programs and pages have other globals. */
const settings = {
  ts: { ...shared, compilerOptions: { paths } },
  tsx: {
    ...shared,
    compilerOptions: { paths, jsx: 'react-jsx', lib: ['es2024', 'dom', 'dom.iterable'], types: [] },
  },
}

/** @returns one line for each error in a block */
async function errorsIn(folder: string, language: keyof typeof settings): Promise<string[]> {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings[language]))
  const tsc = join(root, 'node_modules/.bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '--pretty', 'false'], {
    cwd: folder,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string }) => {
    if (error.stdout === undefined || error.stdout === '') throw error
    return { stdout: error.stdout }
  })
  return stdout.split('\n').filter((line) => line.includes('error TS'))
}

describe('the TypeScript blocks', () => {
  it.each([
    ['ts', 12],
    ['tsx', 2],
  ] as const)('in %s compile', async (language, least) => {
    using written = writeFiles([language])
    expect(written.files.size).toBeGreaterThanOrEqual(least)
    const errors = await errorsIn(written.folder, language)
    const places = errors.map((line) => {
      const block = written.files.get(/^([\w/.-]+)\(/.exec(line)?.[1] ?? '')
      return `${block?.page}:${block?.line}: ${line}`
    })
    expect(places).toEqual([])
  })

  it('are found wrong if one has a wrong type', async () => {
    using written = writeFiles(['ts'], (code) => code.replace("name: 'speller'", 'name: 1'))
    expect((await errorsIn(written.folder, 'ts')).join('\n')).toMatch(/speller\.ts.*TS2322/)
  })
})
