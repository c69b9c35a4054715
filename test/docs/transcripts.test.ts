/**
 * Runs every `console` block of the documentation on the real command and compares the output. `…`
 * stands for text that differs from run to run or is left out: on a line of its own for any number of
 * lines, else for any text within its line. `terminal-session.test.ts` runs the session at a terminal.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort } from '../redis/free-port.ts'
import { until } from '../redis/until.ts'
import { pageAt, pages, root } from './pages.ts'
import { writeFiles, type WrittenFiles } from './written-files.ts'

interface Transcript {
  page: string
  line: number
  command: string
  output: string
}

const transcripts: Transcript[] = pages.flatMap(({ path, blocks }) =>
  blocks
    .filter(({ language, code }) => language === 'console' && !code.startsWith('$ cat mean.ts'))
    .flatMap(({ code, line }) =>
      code
        .split(/^\$ /m)
        .slice(1)
        .map((part) => {
          const [command = '', ...lines] = part.split('\n')
          return { page: path, line, command, output: lines.join('\n') }
        }),
    ),
)
const isStart = ({ command }: Transcript) => command.endsWith('npm start')
const start = transcripts.find(isStart)
const others = transcripts.filter((transcript) => !isStart(transcript))

/** The documented output as a pattern for the real one. */
function patternOf(output: string): RegExp {
  const lines = output.trimEnd().split('\n')
  const patterns = lines.map((line) => {
    if (line === '…') return '(?:[^\\n]*\\n)*?'
    // On a busy machine, a tool takes long enough for the line to say how long.
    const duration = line.startsWith('  └ ') ? '(?: \\([\\d.]+ s\\))?' : ''
    return `${line.split('…').map(escaped).join('[^\\n]*')}${duration}\\n`
  })
  return new RegExp(`^${patterns.join('')}\\n*$`)
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

interface Shell {
  child: ChildProcess
  /** stdout and stderr so far, in the order in which they were written. */
  readonly text: string
  ended: Promise<number | null>
}

/** A process group of its own, without a terminal. */
function shell(command: string, cwd: string, environment: Record<string, string>): Shell {
  const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`
  const env = { ...process.env, ...environment, PATH: path }
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], { cwd, env, detached: true, stdio })
  const ended = Promise.withResolvers<number | null>()
  child.once('close', ended.resolve)
  const run = { child, text: '', ended: ended.promise }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (run.text += chunk))
  return run
}

describe('the transcripts', () => {
  let port: number
  let server: Shell
  let written: WrittenFiles
  let home: string
  /** The command of this repository. */
  let program: string

  beforeAll(async () => {
    port = await freePort()
    written = writeFiles(['ts', 'tsx'])
    home = join(written.folder, 'home')
    mkdirSync(home)
    program = join(written.folder, 'loom')
    const command = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/loom.mjs')}' "$@"\n`
    writeFileSync(program, command, { mode: 0o755 })
    // The packages are there already, or this test could not run.
    const starting = (start?.command ?? '').replace('npm ci && ', '')
    // The sessions of the server are in the home folder.
    server = shell(starting, root, { PORT: String(port), HOME: home, XDG_STATE_HOME: '' })
    await until(60_000, 'the server reports its address', () => server.text.includes('try '))
  })

  afterAll(async () => {
    if (server.child.pid !== undefined && server.child.exitCode === null) {
      process.kill(-server.child.pid, 'SIGTERM')
      await server.ended
    }
    written[Symbol.dispose]()
  })

  it('begin with the two commands of the README', () => {
    expect(start).toMatchObject({ page: 'README.md', command: 'npm ci && npm start' })
    expect(others[0]?.command).toMatch(/^curl -N /)
    expect(others.length).toBeGreaterThan(8)
  })

  it('of the README equal the output of the start', () => {
    const text = server.text.replaceAll(String(port), '3000')
    expect(text).toMatch(patternOf(start?.output ?? ''))
  })

  it.each(others)('of $page:$line equal the output of `$command`', async ({ command, output }) => {
    const environment = {
      HOME: home,
      LOOM_MODELS_URL: 'none',
      NO_COLOR: '1',
      // npx keeps the commands of a folder there, also those of an earlier version of the package.
      npm_config_cache: join(home, '.npm'),
    }
    const local = command.replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`)
    const quiet = local.replace(/^curl -N/, 'curl -sN')
    // A command that names a file of its page runs beside it, where npx would find no package.
    const run = / \.\/\w/.test(command)
      ? shell(quiet.replace('npx loomkit', `'${program}'`), written.folder, environment)
      : shell(quiet, root, environment)
    await run.ended
    expect(`${run.text.trimEnd()}\n`).toMatch(patternOf(output))
  })
})

describe('a transcript', () => {
  it('does not match another output', () => {
    const [, ask] = transcripts.filter(({ page }) => page === pageAt('README.md').path)
    expect('data: [DONE]\n').not.toMatch(patternOf(ask?.output ?? ''))
    expect('two\n').not.toMatch(patternOf('one'))
    expect('one two\n').toMatch(patternOf('one …'))
  })
})
