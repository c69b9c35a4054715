/**
 * Replays the README's transcripts of a server on the real command: what it shows is what is printed.
 * `…` stands for what differs from run to run or is left out: on a line of its own for any lines, else
 * for any text within its line. The session at a terminal is `readme-session.test.ts`'s.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import { freePort } from './redis/free-port.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

interface Transcript {
  command: string
  output: string
}

const transcripts: Transcript[] = [...readme.matchAll(/```console\n\$ (.*)\n([\s\S]*?)```/g)].map(
  ([, command = '', output = '']) => ({ command, output }),
)

/** The shown output as a pattern for the real one. */
function patternOf(output: string): RegExp {
  const lines = output.trimEnd().split('\n')
  const patterns = lines.map((line) =>
    line === '…' ? '(?:[^\\n]*\\n)*?' : `${line.split('…').map(escaped).join('[^\\n]*')}\\n`,
  )
  return new RegExp(`^${patterns.join('')}\\n*$`)
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** All that a shell command prints, and the processes it leaves to us. */
function shell(command: string, environment: Record<string, string>): ChildProcess {
  const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`
  const env = { ...process.env, ...environment, PATH: path }
  return spawn('sh', ['-c', command], { cwd: root, env, detached: true })
}

function textOf(child: ChildProcess): { readonly text: string } {
  const output = { text: '' }
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output.text += chunk))
  return output
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const check = () => {
    if (!condition()) throw new Error(`waited 60 s for ${what}`)
  }
  await vi.waitFor(check, { timeout: 60_000, interval: 20 })
}

describe('the README', () => {
  const [start, ask] = transcripts
  let port: number
  let server: ChildProcess
  let printed: { readonly text: string }

  beforeAll(async () => {
    port = await freePort()
    // The packages are there already, or this test could not run.
    const command = (start?.command ?? '').replace('npm ci && ', '')
    server = shell(command, { PORT: String(port) })
    printed = textOf(server)
    await until('the server to say where it is', () => printed.text.includes('try '))
  })

  afterAll(async () => {
    if (server.pid === undefined || server.exitCode !== null) return
    const ended = Promise.withResolvers<void>()
    server.once('exit', () => ended.resolve())
    process.kill(-server.pid, 'SIGTERM')
    await ended.promise
  })

  it('has a transcript of the start, one of an answer, and one of a terminal', () => {
    expect(transcripts.length).toBe(3)
    expect(transcripts[2]?.command).toBe('cat mean.ts')
    expect(start?.command).toBe('npm ci && npm start')
    expect(ask?.command).toMatch(/^curl -N /)
  })

  it('prints at the start what the README shows', () => {
    const text = printed.text.replaceAll(String(port), '3000')
    expect(text).toMatch(patternOf(start?.output ?? ''))
  })

  it('streams the answer that the README shows', async () => {
    const child = shell(
      (ask?.command ?? '').replace('3000', String(port)).replace('curl', 'curl -s'),
      {},
    )
    const output = textOf(child)
    const ended = Promise.withResolvers<number | null>()
    child.once('close', ended.resolve)
    expect(await ended.promise).toBe(0)
    expect(output.text).toMatch(patternOf(ask?.output ?? ''))
  })

  it('names every setting that there is, and none that there is not', () => {
    const config = readFileSync(join(root, 'src/config.ts'), 'utf8')
    const known = [...config.matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name = '']) => name)
    const named = [...readme.matchAll(/^\| `([A-Z][A-Z_]+)` \|/gm)].map(([, name = '']) => name)
    expect(known.length).toBeGreaterThan(5)
    expect(named.toSorted()).toEqual(known.toSorted())
  })

  it('names every export that its examples import', () => {
    const index = readFileSync(join(root, 'src/index.ts'), 'utf8')
    const imported = [...readme.matchAll(/import \{([^}]+)\} from 'loom'/g)].flatMap(
      ([, names = '']) => names.split(',').map((name) => name.trim()),
    )
    expect(imported.length).toBeGreaterThan(1)
    expect(imported.filter((name) => !new RegExp(`\\b${name}\\b`).test(index))).toEqual([])
  })
})
