import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { bash, type BashOptions } from '../../tools/bash.ts'
import { settle } from '../one-step.ts'
import { until } from '../redis/until.ts'
import { calls } from '../scripted-model.ts'
import { callTool, failureOf } from './called-tool.ts'
import { carriersOf } from './carriers.ts'
import { confinements, sandboxOf } from './sandboxes.ts'

const environment = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  LANG: 'C.UTF-8',
  ANTHROPIC_API_KEY: 'sk-ant-a-real-secret',
  REDIS_URL: 'redis://:password@127.0.0.1',
  GITHUB_TOKEN: 'ghp_another-secret',
  EDITOR: 'vi',
}

let folder: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-bash-test-')))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(confinements)('bash in %s', (kind) => {
  let workspace: string
  let logParent: string
  const sandbox = sandboxOf(kind)
  const shell = (more: Partial<BashOptions> = {}) =>
    bash({ workspace, environment, sandbox, logParent, ...more })
  const run = async (command: string, timeout?: number) =>
    (await callTool(shell(), { command, timeout })).output
  const fail = (command: string, timeout?: number) => failureOf(shell(), { command, timeout })

  beforeAll(async () => {
    workspace = await mkdtemp(join(folder, 'workspace-'))
    logParent = await mkdtemp(join(folder, 'logs-'))
  })

  it('runs in the workspace and may change it', async () => {
    expect(await run('pwd; echo made > file; cat file')).toBe(`${workspace}\nmade`)
    expect(await readFile(join(workspace, 'file'), 'utf8')).toBe('made\n')
  })

  it('keeps the order of stdout and stderr', async () => {
    const lines = 'for i in 1 2 3 4 5; do echo out $i; echo error $i >&2; done'
    expect(await run(lines)).toBe([1, 2, 3, 4, 5].map((i) => `out ${i}\nerror ${i}`).join('\n'))
  })

  it('can open its output by name', async () => {
    expect(await run('echo one > /dev/stdout; echo two > /dev/stderr')).toBe('one\ntwo')
  })

  it('reports a failure with output and exit code', async () => {
    expect(await fail('echo before; exit 3')).toBe('before\n\nCommand exited with code 3')
    expect(await fail('exit 3')).toBe('(no output)\n\nCommand exited with code 3')
  })

  it('reports a signal as 128 plus its number', async () => {
    expect(await fail('kill -9 $$')).toMatch(/Command exited with code 137$/)
    expect(await fail('kill -TERM $$')).toMatch(/Command exited with code 143$/)
  })

  it('reports missing output', async () => {
    expect(await run('true')).toBe('(no output)')
  })

  it('reads an end of file from its input', async () => {
    expect(await run('cat; read -r line || echo end')).toBe('end')
  })

  it('receives only listed environment variables', async () => {
    const names = (await callTool(shell({ variables: ['EDITOR'] }), { command: 'env -0' })).output
    const text = String(names)
    for (const secret of ['sk-ant', 'password', 'ghp_']) expect(text).not.toContain(secret)
    for (const set of ['LOOM=1', 'CI=1', 'PAGER=cat', 'GIT_TERMINAL_PROMPT=0', 'EDITOR=vi']) {
      expect(text).toContain(set)
    }
  })

  it('joins a character that two writes split', async () => {
    const halves = String.raw`printf '\303'; sleep 0.05; printf '\251\360\237'; sleep 0.05; printf '\230\200'`
    expect(await run(halves)).toBe('é😀')
  })

  it('removes colours, even if two writes split them', async () => {
    const cut = String.raw`printf 'a\033[3'; sleep 0.05; printf '1mred\033[0m b'`
    expect(await run(cut)).toBe('ared b')
  })

  it('shows only the last state of a progress bar', async () => {
    expect(await run(String.raw`printf ' 10%%\r 50%%\r100%%\r\ndone\r\n'`)).toBe('100%\ndone')
  })

  it('survives binary output', async () => {
    const text = String(await run('head -c 20000 /dev/urandom'))
    expect(text).not.toContain('\0')
    expect(text.isWellFormed()).toBe(true)
    expect(await run('head -c 99 /dev/zero')).toBe('(99 bytes, none of them text)')
  })

  it('returns at once and ends background processes', async () => {
    const mark = randomUUID()
    expect(await run(`bash -c 'sleep 100; : ${mark}' & echo started`)).toBe('started')
    expect(await carriersOf(mark)).toBe(0)
  })

  it('waits for late output of a background process', async () => {
    expect(await run('(sleep 0.05; echo late) & echo early')).toBe('early\nlate')
  })

  it('leaves no daemon alive', async () => {
    const mark = randomUUID()
    const daemon = `setsid bash -c 'trap "" TERM HUP; sleep 100; : ${mark}'`
    await run(`${daemon} >/dev/null 2>&1 & disown; ${daemon} & sleep 0.1`)
    expect(await carriersOf(mark)).toBe(0)
  })

  it('ends with its processes at the time limit', async () => {
    const mark = randomUUID()
    const text = await fail(`echo begun; setsid sleep 100 & bash -c 'sleep 100; : ${mark}'`, 0.5)
    expect(text).toBe('begun\n\nCommand timed out after 0.5 seconds')
    expect(await carriersOf(mark)).toBe(0)
  })

  it('returns soon while a background process prints', async () => {
    const started = performance.now()
    const text = String(await run('while sleep 0.02; do echo on; done & echo first; exit 0', 60))
    expect(text).toMatch(/^first\n(?:on\n)*on$/)
    expect(String(await run('yes & echo first', 60))).toMatch(/\ny\n/)
    // Two commands of a second each: nowhere near their time limit, also on a busy machine.
    expect(performance.now() - started).toBeLessThan(30_000)
  })

  it('refuses an invalid time limit', async () => {
    for (const timeout of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 601, 3e9, '10']) {
      expect(await failureOf(shell(), { command: 'true', timeout })).toMatch(/timeout/)
    }
    expect((await callTool(shell(), { command: 'true', timeout: null })).output).toBe('(no output)')
  })

  it('refuses a command that no argument can hold', async () => {
    expect(await fail('')).toMatch(/command/)
    expect(await fail('echo \0')).toMatch(/NUL/)
    expect(await fail(`: ${'é'.repeat(65_000)}`)).toMatch(/write a script/)
    expect(await run(`: ${'x'.repeat(100_000)}; echo done`)).toBe('done')
  })

  it('does not start in a stopped turn', async () => {
    const tool = shell()
    const reason = new Error('stopped before')
    const call = { command: 'echo begun > begun' }
    expect(await failureOf(tool, call, AbortSignal.abort(reason))).toBe('stopped before')
    expect(await readdir(workspace)).not.toContain('begun')
  })

  it('ends when the turn stops', async () => {
    const mark = randomUUID()
    const controller = new AbortController()
    const command = `touch ${mark}; setsid sleep 100 & bash -c 'sleep 100; : ${mark}'`
    const failure = failureOf(shell(), { command }, controller.signal)
    const begun = async () => (await readdir(workspace)).includes(mark)
    await until(10_000, 'the command has begun', begun)
    controller.abort()
    expect(await failure).toMatch(/Command aborted$/)
    expect(await carriersOf(mark)).toBe(0)
  })

  it('reports a missing workspace', async () => {
    const gone = await mkdtemp(join(folder, 'gone-'))
    await rm(gone, { recursive: true })
    const failure = await failureOf(shell({ workspace: gone }), { command: 'true' })
    expect(failure).toBe(`The folder of the workspace does not exist: ${gone}.`)
  })

  it('continues in a folder that it removed', async () => {
    expect(await run('mkdir inner && cd inner && rmdir ../inner && echo still here')).toBe(
      'still here',
    )
  })

  it('ends processes that multiply', async () => {
    const mark = randomUUID()
    // Each process starts two more, eight levels deep: 511 processes without a waiting parent.
    const script = `crowd() { test "$1" -gt 0 && { crowd $(($1 - 1)) & crowd $(($1 - 1)) & }; exec -a ${mark} sleep 100; }`
    const failure = await fail(`ulimit -u 4000; ${script}; crowd 8`, 2)
    expect(failure).toMatch(/timed out/)
    expect(await carriersOf(mark)).toBe(0)
  })

  it('stores an output of many lines in a file', async () => {
    const text = String(await run('seq 2001'))
    expect(text.startsWith('2\n3\n')).toBe(true)
    const [, notice = ''] = text.split('\n\n')
    expect(notice).toMatch(/^\[Output cut: of 2001 lines, 2000 are shown .* Full output: \/.*\]$/)
    const path = /(\/[^\]]*)\]$/.exec(notice)?.[1] ?? ''
    expect(await readFile(path, 'utf8')).toMatch(/^1\n2\n[^]*\n2001\n$/)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('does not count the last newline as a line', async () => {
    const text = String(await run('seq 2000'))
    expect(text).toMatch(/^1\n[^]*\n2000$/)
  })

  it('shows the end of a long line', async () => {
    const text = String(await run(`head -c 60000 /dev/zero | tr '\\0' x; printf '😀😀'`))
    const [line = '', notice] = text.split('\n\n')
    expect(line).toMatch(/^x+😀😀$/)
    expect(Buffer.byteLength(line)).toBe(50 * 1024)
    expect(notice).toMatch(/^\[Output cut: of 1 line /)
  })

  it('never cuts a character', async () => {
    const text = String(await run(`for i in $(seq 20000); do printf '😀'; done; printf 'abc'`))
    const [line = ''] = text.split('\n\n')
    expect(line).toMatch(/^(?:😀)+abc$/u)
  })

  it('leaves no file if it shows all output', async () => {
    const logs = await mkdtemp(join(folder, 'no-logs-'))
    await callTool(shell({ logParent: logs }), { command: 'seq 100' })
    expect(await readdir(logs, { recursive: true })).toEqual([])
  })

  it('stores no more of an output than the limit', async () => {
    const tool = shell({ logBytesMax: 100_000 })
    const text = String((await callTool(tool, { command: 'seq 100000; echo last' })).output)
    expect(text).toMatch(/\nlast\n\n\[.* only its first 100000 bytes are kept\]$/)
    const path = /Full output: (.*), only/.exec(text)?.[1] ?? ''
    expect((await stat(path)).size).toBe(100_000)
  })

  it('names the file of the full output', async () => {
    const tool = shell()
    const text = String((await callTool(tool, { command: 'seq 5000' })).output)
    const path = /Full output: (.*)\]/.exec(text)?.[1] ?? ''
    expect((await callTool(tool, { command: `sed -n 17p ${path}` })).output).toBe('17')
  })

  it('reports its progress at a limited rate', async () => {
    const command = 'for i in $(seq 60); do echo line $i; sleep 0.01; done'
    const started = performance.now()
    const { output, preliminary } = await callTool(shell(), { command })
    expect(output).toMatch(/^line 1\n[^]*\nline 60$/)
    expect(preliminary.length).toBeGreaterThan(1)
    expect(preliminary.length).toBeLessThanOrEqual((performance.now() - started) / 100)
    for (const glance of preliminary) expect(String(glance)).toMatch(/^line 1\n/)
  })
})

describe('bash', () => {
  it('streams its progress to clients as preliminary results', async () => {
    const tool = bash({
      workspace: folder,
      environment,
      sandbox: sandboxOf('none'),
      logParent: folder,
    })
    const command = 'echo begun; sleep 0.5; echo done'
    const { events, results } = await settle(tool, calls(['bash', { command }]))
    const outputs = events.filter((event) => event.type === 'tool-output-available')
    expect(outputs[0]).toEqual(expect.objectContaining({ preliminary: true, output: 'begun\n' }))
    expect(outputs.at(-1)).toEqual({
      type: 'tool-output-available',
      toolCallId: expect.any(String),
      output: 'begun\ndone',
    })
    expect(results).toEqual([
      expect.objectContaining({ output: { type: 'text', value: 'begun\ndone' } }),
    ])
  })

  it('shows a long overwritten line without delay', async () => {
    const options = { workspace: folder, environment, sandbox: sandboxOf('none') }
    const tool = bash({ ...options, logParent: folder })
    const many = (character: string) => `head -c 50000 /dev/zero | tr '\\0' '${character}'`
    const { user: before } = process.cpuUsage()
    const beginning = await callTool(tool, { command: `printf 'a\\r'; ${many('x')}` })
    expect(beginning.output).toMatch(/^x{50000}$/)
    const returns = await callTool(tool, { command: `${many(String.raw`\r`)}; printf x` })
    expect(returns.output).toBe('x')
    expect(process.cpuUsage().user - before).toBeLessThan(2_000_000)
  })

  it('never repeats a call with an unknown outcome', () => {
    expect(bash({ workspace: folder, environment }).retry).toBe('never')
  })

  it('refuses "/" as its workspace', () => {
    expect(() => bash({ workspace: '/tmp/..', environment })).toThrow(/whole machine/)
  })

  it('passes on no key of Loom, even on request', () => {
    for (const name of ['ANTHROPIC_API_KEY', 'LOOM_API_KEYS', 'REDIS_URL']) {
      expect(() => bash({ workspace: folder, environment, variables: [name] })).toThrow(name)
    }
  })
})
