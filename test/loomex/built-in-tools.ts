/** The built-in tools, under their names of LoomEx: each does its work in one folder. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished } from 'vitest'

import { scriptedModel } from '../../src/entries/testing.ts'
import {
  bash,
  defineAgent,
  editFile,
  glob,
  grep,
  human,
  type NamedTool,
  readFile as readFileTool,
  run,
  startAgent,
  Workspace,
  writeFile as writeFileTool,
} from '../../src/index.ts'
import { codeIn } from '../docs/pages.ts'
import { type Checks, loomName, type Row } from './row.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'loom-parity-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await writeFile(join(path, 'notes.txt'), 'one\nTODO two\n')
  return path
}

/** The functions by the names in the table. */
const made: Record<string, (workspace: Workspace) => NamedTool> = {
  bash: ({ root }) =>
    bash({ workspace: root, environment: process.env, sandbox: { mode: 'none' } }),
  readFile: readFileTool,
  writeFile: writeFileTool,
  editFile,
  grep,
  glob,
  human: () => human(),
}

/** Calls the tool of a row once, by its documented name, and returns its output for the model. */
async function outputOf(row: Row, path: string, ...inputs: readonly object[]): Promise<string> {
  const tool = made[loomName(row)]?.(await Workspace.open(path))
  if (tool === undefined) throw new Error(`There is no tool ${row[1]}.`)
  const [toolName = ''] = codeIn(row[2])
  const steps = inputs.map((input) => ({ toolCalls: [{ toolName, input }] }))
  const model = scriptedModel([...steps, 'Done.'])
  const agent = defineAgent({ name: 'worker', systemPrompt: 'Work.', tools: [tool], model })
  expect((await run(agent, 'Work.')).text).toBe('Done.')
  return JSON.stringify(model.calls.at(-1)?.toolResults[0]?.output)
}

export const builtInToolChecks: Checks = {
  '`LoomEx.Tools.Bash`': async (row) => {
    expect(await outputOf(row, await folder(), { command: 'cat notes.txt | wc -l' })).toContain('2')
    const late = await outputOf(row, await folder(), { command: 'sleep 60', timeout: 1 })
    expect(late).toMatch(/timed? ?out|1 s/i)
    const long = await outputOf(row, await folder(), { command: 'yes line | head -c 900000' })
    expect(long.length).toBeLessThan(200_000)
  },
  '`LoomEx.Tools.ReadFile`': async (row) => {
    const output = await outputOf(row, await folder(), { path: 'notes.txt', offset: 2 })
    expect(output).toContain('TODO two')
    expect(output).not.toContain('one')
  },
  '`LoomEx.Tools.WriteFile`': async (row) => {
    const path = await folder()
    await outputOf(row, path, { path: 'new/deep/file.txt', content: 'Hello.\n' })
    expect(await readFile(join(path, 'new/deep/file.txt'), 'utf8')).toBe('Hello.\n')
  },
  '`LoomEx.Tools.EditFile`': async (row) => {
    const path = await folder()
    const edit = (old: string, text: string) => ({
      path: 'notes.txt',
      edits: [{ old, new: text }],
    })
    await outputOf(row, path, edit('TODO two', 'one more'))
    expect(await readFile(join(path, 'notes.txt'), 'utf8')).toBe('one\none more\n')
    // A text that is there twice is refused.
    expect(await outputOf(row, path, edit('one', 'two'))).toMatch(/ambiguous/)
    expect(await readFile(join(path, 'notes.txt'), 'utf8')).toBe('one\none more\n')
  },
  '`LoomEx.Tools.Grep`': async (row) => {
    const output = await outputOf(row, await folder(), { pattern: 'TO.O', glob: '*.txt' })
    expect(output).toContain('notes.txt')
    expect(output).toContain('TODO two')
  },
  '`LoomEx.Tools.Glob`': async (row) => {
    expect(await outputOf(row, await folder(), { pattern: '*.txt' })).toContain('notes.txt')
  },
  '`LoomEx.Tools.Human`': async (row) => {
    const [toolName = ''] = codeIn(row[2])
    const call = { toolName, input: { question: 'Which branch?' }, toolCallId: 'ask-1' }
    const model = scriptedModel([{ toolCalls: [call] }, 'Then main.'])
    const agent = defineAgent({ name: 'asker', systemPrompt: 'Ask.', tools: [human()], model })
    await using session = startAgent(agent)
    expect(await session.call('Go.')).toMatchObject({ state: 'waiting' })
    const answer = await session.answer('ask-1', 'main')
    expect(await answer.reply()).toMatchObject({ state: 'idle' })
    expect(JSON.stringify(model.calls[1]?.toolResults)).toContain('main')
  },
}
