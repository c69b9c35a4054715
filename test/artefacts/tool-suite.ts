/**
 * The tools that act on the machine, in every artefact. They need more than its code, in particular
 * its ripgrep. The demo model calls the tool that the prompt names, with the input as JSON.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { type Ended, folder, type Run, type RunOptions } from '../cli/command.ts'
import { until } from '../redis/until.ts'

export interface ToolSuiteOptions {
  /** Starts the artefact. */
  start: (words: readonly string[], options: RunOptions) => Run
  /** The folder of the unpacked ripgrep; undefined if ripgrep is a package beside the artefact. */
  unpacksTo: string | undefined
}

export function toolSuite({ start, unpacksTo }: ToolSuiteOptions): void {
  const loom = (words: readonly string[], options: RunOptions): Promise<Ended> =>
    start(words, options).ended

  /** Creates a workspace, and the settings for it. */
  async function workspace() {
    const directory = await folder()
    await writeFile(join(directory, 'greet.ts'), "// TODO: say who greets\nsay('hello')\n")
    return { directory, environment: { LOOM_WORKSPACE: directory } }
  }

  it('approved commands, searches and edits work', async () => {
    const options = await workspace()
    const { directory } = options
    const tools = ['--tools', 'bash,edit_file', '--yes']
    const edit = { path: 'greet.ts', edits: [{ oldText: 'hello', newText: 'hello Ada' }] }
    const ended = await loom(
      [...tools, `Use bash {"command":"seq 3 > made"}, use edit_file ${JSON.stringify(edit)}`],
      options,
    )
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("+say('hello Ada')") })
    expect(await readFile(join(directory, 'greet.ts'), 'utf8')).toContain("say('hello Ada')")
    expect(await readFile(join(directory, 'made'), 'utf8')).toBe('1\n2\n3\n')
  })

  it('grep uses the ripgrep of the artefact', async () => {
    const { directory, environment } = await workspace()
    const found = async () =>
      unpacksTo === undefined
        ? []
        : (await readdir(unpacksTo).catch(() => [])).filter((name) => name.startsWith('rg-'))
    for (const name of await found()) await rm(join(unpacksTo ?? '', name))
    // The first ripgrep in the path finds nothing.
    await writeFile(join(directory, 'rg'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const path = `${directory}:${process.env['PATH']}`
    const ended = await loom(['--tools', 'grep', 'Use grep {"pattern":"TODO"}'], {
      environment: { ...environment, PATH: path },
    })
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('greet.ts:1:') })
    expect(await found()).toHaveLength(unpacksTo === undefined ? 0 : 1)
  })

  it('an unapproved command does not run, and the model gets the refusal', async () => {
    const options = await workspace()
    const ended = await loom(['--tools', 'bash', 'Use bash {"command":"touch made"}'], options)
    expect(ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nobody is at the terminal to allow it'),
      stderr: expect.stringContaining('bash was refused'),
    })
    expect(await readdir(options.directory)).toEqual(['greet.ts'])
  })

  it('the coder works in the command and on a server', async () => {
    const options = await workspace()
    const chat = await loom(['chat', '--agent', 'coder', 'Use glob {"pattern":"*.ts"}'], options)
    expect(chat).toMatchObject({ code: 0, stdout: expect.stringContaining('greet.ts') })
    const environment = { ...options.environment, PORT: '0', LOOM_AGENTS: 'assistant,coder' }
    const server = start(['serve'], { ...options, environment })
    await until(15_000, 'the greeting', () => /curl -N/.test(server.stdout))
    const [url = ''] = /http:\/\/\S+/.exec(server.stdout) ?? []
    const answer = await fetch(`${url}/api/agents/coder/chat`, {
      method: 'POST',
      body: JSON.stringify({ message: 'Use read_file {"path":"greet.ts"}' }),
    })
    expect(await answer.text()).toContain('TODO: say who greets')
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  it('the list of models is part of the artefact', async () => {
    const environment = { LOOM_MODELS_URL: 'none' }
    const { code, stdout } = await loom(['models', 'sonnet'], { environment })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^anthropic\/claude-sonnet-\S+ .*\btools\b/m)
  })
}
