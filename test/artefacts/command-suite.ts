/**
 * The behaviour of every artefact: the same tests run the sources, the `.mjs` and the self-extractor,
 * which becomes the executable, in pipes and at a terminal. LOOM_TEST_COMMAND makes the other tests of the
 * command run an artefact too.
 */
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

import { fieldsOf } from '../../src/ground/fields.ts'
import { type ModuleKind, modulesIn } from '../../src/project/module-file.ts'
import { folder, type RunOptions, root, start as startProgram, tidy } from '../cli/command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from '../cli/pseudo-terminal.ts'
import { within } from '../deadline.ts'
import { type RunningRedis, startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { openUpstream } from '../sessions/upstream.ts'
import { type Artefact, buildArtefacts, buildMs, source } from './built.ts'
import { testFolder } from './test-folder.ts'
import { toolSuite } from './tool-suite.ts'

const files = join(import.meta.dirname, 'files')

/** Registers the tests of one artefact. */
export function commandSuite(artefact: Artefact): void {
  const { program } = artefact
  /** A self-extractor unpacks itself once for all tests. */
  const cache = testFolder()
  let redis: RunningRedis

  if (artefact !== source) beforeAll(buildArtefacts, buildMs)
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis[Symbol.asyncDispose]())
  afterEach(async () => {
    await closeTerminals()
    await tidy()
  })

  const environment = (more: Record<string, string> = {}) => ({
    XDG_CACHE_HOME: cache.path,
    ...more,
  })
  const start = (words: readonly string[], options: RunOptions = {}) =>
    startProgram(words, { ...options, program, environment: environment(options.environment) })
  const loom = (words: readonly string[], options: RunOptions = {}) => start(words, options).ended

  toolSuite({ start, unpacksTo: artefact === source ? undefined : join(cache.path, 'loom') })

  it('the command answers questions from arguments and stdin', async () => {
    const first = await loom(['What is 6 * 7?'])
    expect(first).toEqual({
      code: 0,
      stdout: '6 × 7 = **42**\n',
      stderr: '● calculator 6 * 7\n  └ 42\n',
    })
    const echo = { environment: { LOOM_MODEL: 'demo/echo' } }
    expect((await loom(['-'], { input: 'hi', ...echo })).stdout).toBe('hi\n')
    expect((await loom(['sum up'], { input: 'line', ...echo })).stdout).toBe('sum up\n\nline\n')
    expect(await loom([])).toMatchObject({ code: 2, stdout: '' })
  })

  it('the command has every subcommand', async () => {
    expect((await loom(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(await loom(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: loom'),
      stderr: '',
    })
    expect((await loom(['models', 'demo'])).stdout).toContain('demo/assistant')
    expect((await loom(['completion', 'bash'])).stdout).toContain('complete')
    const json = await loom(['--json', 'What is 6 * 7?'])
    expect(JSON.parse(json.stdout)).toMatchObject({ text: '6 × 7 = **42**', steps: 2 })
    expect((await loom(['--nonsense'])).code).toBe(2)
  })

  it('the command stores and continues sessions', async () => {
    const state = { environment: { XDG_STATE_HOME: await folder() } }
    await loom(['--session', 'first', 'My name is Ada.'], state)
    expect((await loom(['--continue', 'Who am I?'], state)).stdout).toBe('Your name is Ada.\n')
    expect((await loom(['sessions'], state)).stdout).toContain('first')
  })

  it('agent and tool files import loom, zod and ai', async () => {
    const agent = await loom(['--agent', join(files, 'agent.ts'), 'Use greet for Ada'])
    expect(agent).toMatchObject({ code: 0, stderr: expect.stringContaining('● greet') })
    expect(agent.stdout).toContain('hello Ada, from another file')
    const tools = await loom(['--tools', join(files, 'tools.mjs'), 'Use shout for joy'])
    expect(tools).toMatchObject({ code: 0, stdout: expect.stringContaining('JOY') })
  })

  it('the built-in agents and tools are those of the folders', async () => {
    const directory = await folder()
    const exportsIn = async (kind: ModuleKind) => {
      const names = await modulesIn(join(root, `${kind}s`), kind)
      const modules: object[] = await Promise.all(names.map((name) => import(name)))
      const values: unknown[] = modules.flatMap(Object.values)
      return values.flatMap((value) => {
        const { name, description, acting } = fieldsOf(value)
        const isOne = typeof value === 'object' && (description !== undefined || acting === kind)
        return isOne && typeof name === 'string' ? [name] : []
      })
    }
    const agents = await loom(['--agent', 'nobody', 'hi there'], { directory })
    const tools = await loom(['--tools', 'nothing', 'hi there'], { directory })
    const listed = ({ stderr }: { stderr: string }) =>
      /There are: (.+)\. To use/.exec(stderr)?.[1]?.split(', ').toSorted()
    expect(listed(agents)).toEqual((await exportsIn('agent')).toSorted())
    expect(listed(tools)).toEqual((await exportsIn('tool')).toSorted())
  })

  it('a faulty file is reported in one line', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'broken.ts'), 'export const x = (')
    await writeFile(join(directory, 'alone.ts'), `import 'no-such-package'`)
    for (const name of ['broken.ts', 'alone.ts', 'missing.ts']) {
      const { code, stderr } = await loom(['--agent', `./${name}`, 'hi there'], { directory })
      expect({ name, code }).toEqual({ name, code: 3 })
      expect(stderr).toMatch(new RegExp(`^loom: .*\\./${name}.*`))
    }
  })

  it('a missing key names its variable; exit code 3', async () => {
    for (const [model, variable] of [
      ['openai/gpt-5', 'OPENAI_API_KEY'],
      ['anthropic/claude-sonnet-4-6', 'ANTHROPIC_API_KEY'],
      ['google/gemini-3-pro', 'GOOGLE_GENERATIVE_AI_API_KEY'],
    ] as const) {
      const { code, stdout, stderr } = await loom(['-m', model, 'hi there'])
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toMatch(new RegExp(`^loom: .*${variable}.*\\n$`))
    }
  })

  it('a missing network is reported in one line; exit code 1', async () => {
    await using upstream = await openUpstream(0)
    const model = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url, TEST_KEY: 'x' }
    // The namespace has a network without any device: not even the loopback device is up.
    const words = ['--agent', join(files, 'brief.mjs'), 'hi there']
    const cut = startProgram(words, {
      program: ['unshare', '--map-root-user', '--net', ...program],
      environment: environment(model),
    })
    const { code, stdout, stderr } = await cut.ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^loom: .+\n$/)
    expect(upstream.calls).toEqual([])
  })

  it('3 MB pass through pipes; a closed reader is no failure', async () => {
    // The demo model sends one word at a time, so these words are long.
    const input = `${'é'.repeat(25_000)}${'0'.repeat(49_999)}\n`.repeat(30)
    const whole = await loom([], { input, environment: { LOOM_MODEL: 'demo/echo' } })
    expect(whole.code).toBe(0)
    expect(Buffer.byteLength(whole.stdout)).toBe(3_000_000)
    expect(whole.stdout === input).toBe(true)
    const head = await shell(
      'seq 400000 | "$@" 2>err | head -1; echo "${PIPESTATUS[1]}"; cat err',
      [...program, '-'],
      { directory: await folder(), environment: environment({ LOOM_MODEL: 'demo/echo' }) },
    )
    expect(head).toBe('1\n0\n')
  })

  it('the command works with a closed stdin, stdout or stderr', async () => {
    const options = { directory: await folder(), environment: environment() }
    const words = [...program, 'What is 6 * 7?']
    expect(await shell('"$@" <&-', words, options)).toBe('6 × 7 = **42**\n')
    expect(await shell('"$@" >&-; echo $?', words, options)).toBe('0\n')
    expect(await shell('"$@" 2>&-; echo $?', words, options)).toBe('6 × 7 = **42**\n0\n')
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s stops the command', async (signal, code) => {
    await using upstream = await openUpstream(0)
    const model = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }
    const run = start(['--json', 'steps: 1 hold'], { environment: model })
    await until(10_000, 'the model holds', () => upstream.held === 1)
    run.child.kill(signal)
    const ended = await run.ended
    expect(ended.code).toBe(code)
    expect(JSON.parse(ended.stdout)).toMatchObject({ text: 'Step 1: one two' })
    await until(5000, 'the model call is aborted', () => upstream.aborted === 1)
  })

  it('a limit ends the command with exit code 4', async () => {
    await using upstream = await openUpstream(0)
    const model = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }
    const { code } = await loom(['--max-steps', '2', 'steps: 5'], { environment: model })
    expect(code).toBe(4)
  })

  it('serve offers playground and Redis sessions, and stops cleanly', async () => {
    const server = start(['serve'], { environment: { PORT: '0', REDIS_URL: redis.url } })
    await until(15_000, 'the greeting', () => /curl -N/.test(server.stdout))
    const [url = ''] = /http:\/\/\S+/.exec(server.stdout) ?? []
    for (const name of ['playground.js', 'playground.css']) {
      const response = await fetch(`${url}/${name}`)
      expect(await response.text()).toBe(await readFile(join(root, 'web', name), 'utf8'))
    }
    expect(await (await fetch(url)).text()).toContain('<!doctype html>')
    expect((await fetch(`${url}/nothing.js`)).status).toBe(404)
    const body = JSON.stringify({ id: `at-${program.at(-1)}`, message: 'What is 12 * 34?' })
    const answer = await fetch(`${url}/api/chat`, { method: 'POST', body })
    expect(await answer.text()).toContain('408')
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it.skipIf(lacksTerminal)('the command holds a conversation at a terminal', async () => {
    const state = environment({ XDG_STATE_HOME: await folder() })
    const terminal = openPseudoTerminal([], { program, environment: state })
    await terminal.shows('/help lists the commands')
    // The next line, and Ctrl-C, are for the prompt, so the turn must have ended.
    await terminal.type(`My name is Ada.${keys.enter}`, /Nice to meet you, Ada\.[^]*\n› $/)
    await terminal.type(`Who am I?${keys.enter}`, /Your name is Ada\.[^]*\n› $/)
    await terminal.type(keys.interrupt, 'again')
    await terminal.type(keys.end, 'continues this session')
    await terminal.endsWith(0)
  })

  it.skipIf(lacksTerminal)('a tool with effects asks at the terminal first', async () => {
    const words = ['--agent', join(root, 'test/cli/files/agent.ts'), 'Use charge 12']
    const terminal = openPseudoTerminal(words, { program, environment: environment() })
    await terminal.shows('Allow charge?')
    await terminal.type(`y${keys.enter}`, 'says: charged 12')
    await terminal.endsWith(0)
  })
}

/** Runs a line of bash with the arguments as `"$@"`. Returns its stdout. */
async function shell(
  line: string,
  words: readonly string[],
  { directory, environment }: { directory: string; environment: Record<string, string> },
): Promise<string> {
  const child = spawn('bash', ['-c', line, 'bash', ...words], {
    cwd: directory,
    env: { PATH: process.env['PATH'], LOOM_MODEL: 'demo/fast', ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  return within(25_000, line, text(child.stdout)).finally(() => child.kill('SIGKILL'))
}
