/** A recorded test repeats its session under `node --test` and vitest, without effects, and finds changes. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { UIMessage } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { recordTest, scriptedModel } from '../../src/entries/testing.ts'
import { startAgent } from '../../src/index.ts'
import { compileCache } from '../compile-cache.ts'
import { root } from '../docs/pages.ts'
import { packageEntries } from '../package-entries.ts'
import { clerk, counter } from './recorder/agent.ts'
import { oddText, recordedMessages } from './recorder/recorded-session.ts'

let folder: string
let recorded: { messages: UIMessage[] }

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true })
  // Below the root, so that packages are found.
  folder = mkdtempSync(join(root, '.cache/recorder-'))
  recorded = await recordedMessages(clerk)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const agentCode = readFileSync(join(import.meta.dirname, 'recorder/agent.ts'), 'utf8')

/** Writes files with the sources in the place of the installed package, and returns their folder. */
function project(files: Record<string, string>): string {
  const path = mkdtempSync(join(folder, 'project-'))
  const entries = packageEntries()
  for (const [name, code] of Object.entries(files)) {
    const written = code.replaceAll(
      /from '(loomkit[\w/]*)'/g,
      (_, entry: string) => `from '${join(root, entries[entry] ?? entry)}'`,
    )
    writeFileSync(join(path, name), written)
  }
  return path
}

const runners = {
  'node --test': ['--test', 'clerk.test.ts'],
  // It compiles all sources while the test runs, which takes seconds on a busy machine.
  vitest: [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    'clerk.test.ts',
    '--testTimeout=120000',
  ],
} as const

/** Runs a project's test, and returns its output and the lines that its tools wrote. */
async function outcomeOf(path: string, runner: keyof typeof runners) {
  const file = join(path, 'effects.txt')
  // Without the `VITEST` of this process.
  const env = { PATH: process.env['PATH'], ...compileCache(), EFFECTS: file, NO_COLOR: '1' }
  const run = promisify(execFile)(process.execPath, runners[runner], { cwd: path, env })
  const { passed, stdout, stderr } = await run.then(
    (output) => ({ passed: true, ...output }),
    (error: { stdout: string; stderr: string }) => ({ passed: false, ...error }),
  )
  return { passed, output: stdout + stderr, effects: existsSync(file) }
}

describe('a recorded test', () => {
  it.each(['node --test', 'vitest'] as const)(
    'passes under %s, and has no effect',
    async (runner) => {
      const code = await recordTest(recorded, { agent: clerk, from: './agent.ts' })
      const path = project({ 'agent.ts': agentCode, 'clerk.test.ts': code })
      const { passed, output, effects } = await outcomeOf(path, runner)
      expect(output).toMatch(/pass(ed)? ?1|1 passed/)
      expect({ passed, effects }).toEqual({ passed: true, effects: false })
    },
  )

  it('fails if the agent has another tool', async () => {
    const code = await recordTest(recorded, { agent: clerk, from: './agent.ts' })
    const changed = agentCode.replace('tools: [weather, pay,', 'tools: [pay,')
    const path = project({ 'agent.ts': changed, 'clerk.test.ts': code })
    const { passed, output } = await outcomeOf(path, 'node --test')
    expect(passed).toBe(false)
    expect(output).toContain('Turn 1 ("How is Oslo?") is not as recorded')
  })

  it('shows the conversation', async () => {
    const code = await recordTest(recorded, { agent: clerk, from: './agent.ts' })
    expect(code).toContain("test('How is Oslo?', async () => {\n  await replaySession(clerk, [")
    expect(code).toContain(
      "{ toolName: 'pay', input: { cents: 900 }, approved: false, reason: 'Too much!' }",
    )
    expect(code).toContain("input: { question: 'Which city?' }, answer: 'Oslo'")
    expect(code).toContain("steering: ['And Rome?'],")
    expect(code).toContain('A `tick`, a ${hole}'.replace(/[`$]/g, '\\$&'))
    expect(code).not.toContain(Buffer.from('a secret picture').toString('base64'))
    expect(code).not.toMatch(/[\u2028\u202e\r]/)
    expect(oddText).toContain('\u2028')
  })

  it('keeps the output and the context of an agent with a schema', async () => {
    const model = scriptedModel(['twelve', '{"count": 12}'])
    await using session = startAgent({ ...counter, model }, { context: { user: 'Ada' } })
    await session.call('Count.')
    const code = await recordTest(session, {
      agent: counter,
      from: './agent.ts',
      exportName: 'counter',
      context: { user: 'Ada' },
      runner: 'node:test',
    })
    expect(code).toContain("import { test } from 'node:test'")
    expect(code).toContain("steps: ['twelve', '{\"count\": 12}']")
    expect(code).toContain('output: { count: 12 } }')
    expect(code).toContain("{ context: { user: 'Ada' } })")
  })

  it('tells a reply that broke off from one that did not fit the schema', async () => {
    const broken = { text: '{"count": ', error: { message: 'The connection broke.' } }
    const model = scriptedModel(['twelve', broken, '12}'])
    const retry = { initialDelayMs: 1, maxDelayMs: 1 }
    await using session = startAgent({ ...counter, model, retry }, { context: { user: 'Ada' } })
    await session.call('Count.')
    const code = await recordTest(session, { agent: counter, from: './agent.ts' })
    expect(code).toContain("steps: ['twelve', { text: '{\"count\": ', breaksOff: true }, '12}']")
  })
})

describe('the recorder', () => {
  it('refuses a session without an answer', async () => {
    await using session = startAgent(clerk)
    const options = { agent: clerk, from: './agent.ts' }
    await expect(recordTest(session, options)).rejects.toThrow(/has no answer/)
    await expect(recordTest([], options)).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(recordTest({ messages: [] }, options)).rejects.toThrow(/nothing to record/)
  })

  it('refuses the session of another agent', async () => {
    const options = { agent: counter, from: './agent.ts' }
    await expect(recordTest(recorded, options)).rejects.toThrow(/agent "clerk".*for "count-er"/)
  })

  it.each([
    [{}, 'import { clerk } from'],
    [{ exportName: 'default' }, 'import agent from'],
    [{ exportName: 'test' }, 'import { test as agent } from'],
    [{ exportName: 'écrivain' }, 'import { écrivain } from'],
  ])('imports the agent by %j', async (more, line) => {
    const code = await recordTest(recorded, { agent: clerk, from: './agent.ts', ...more })
    expect(code).toContain(`\n${line} './agent.ts'\n`)
  })

  it('refuses an export that cannot be imported', async () => {
    const options = { agent: clerk, from: './agent.ts', exportName: 'a-b' }
    await expect(recordTest(recorded, options)).rejects.toThrow(/exportName/)
  })
})
