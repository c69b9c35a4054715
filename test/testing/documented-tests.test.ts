/** The tests that docs/testing.md shows pass, under the runner that they name. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { compileCache } from '../compile-cache.ts'
import { root } from '../docs/pages.ts'
import { pageAt } from '../docs/pages.ts'
import { writeBlocks, type WrittenFiles } from '../docs/written-files.ts'
import { packageEntries } from '../package-entries.ts'

const page = pageAt('docs/testing.md')
const blocks = page.blocks.filter(({ language }) => language === 'ts')
let written: WrittenFiles

/** The sources in the place of the installed package. */
function withSources(code: string): string {
  const entries = packageEntries()
  return code.replaceAll(/from '(loomkit[\w/]*)'/g, (_, name: string) => {
    const path = entries[name]
    if (path === undefined) throw new Error(`The package has no entry ${name}.`)
    return `from '${join(root, path)}'`
  })
}

beforeAll(() => {
  written = writeBlocks(blocks, withSources)
})
afterAll(() => written[Symbol.dispose]())

/** Without the `VITEST` of this process: a recorded test would look for vitest's functions. */
const env = { PATH: process.env['PATH'], ...compileCache() }

async function outputOf(...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    cwd: written.folder,
    env,
  })
  return stdout
}

describe('the tests of docs/testing.md', () => {
  it('pass under node:test', async () => {
    const names = [...written.files.keys()].filter((name) => name.endsWith('.test.ts'))
    expect(names).toContain('forecaster.test.ts')
    const output = await outputOf('--test', ...names)
    expect(output).toContain('ok')
    expect(output).toMatch(/fail 0/)
    expect(output).toContain('the forecaster looks the weather up')
  })

  it('fail if the agent does something else', async () => {
    const wrong = (code: string) => withSources(code).replace("sky: 'rain' }),", "sky: 'sun' }),")
    using changed = writeBlocks(blocks, wrong)
    const failure = await promisify(execFile)(process.execPath, ['--test', 'forecaster.test.ts'], {
      cwd: changed.folder,
    }).catch((error: { stdout?: string }) => error.stdout)
    expect(failure).toMatch(/fail 1/)
  })

  it('have at most ten lines for a test of an agent', () => {
    const { code = '' } = blocks.find(({ code }) => code.includes('looks the weather up')) ?? {}
    const lines = code.slice(code.indexOf("test('")).trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(10)
  })

  it('and its programs run', async () => {
    // The recorder would overwrite a test of the folder; it has its own test below.
    const programs = [...written.files]
      .filter(([name]) => name !== 'record.ts')
      .filter(([name, { code }]) => !name.includes('test.ts') && code.includes('loomkit/testing'))
      .map(([name]) => name)
    expect(programs).toHaveLength(2)
    await Promise.all(programs.map((name) => outputOf(name)))
  })

  it('contain the test that the recorder writes', async () => {
    const { code = '' } = blocks.find(({ code }) => code.startsWith('// oslo.test.ts\n')) ?? {}
    using own = writeBlocks(blocks, withSources)
    await promisify(execFile)(process.execPath, ['record.ts'], { cwd: own.folder })
    const recorded = readFileSync(join(own.folder, 'oslo.test.ts'), 'utf8')
    expect(`// oslo.test.ts\n${recorded}`).toBe(code)
  })
})
