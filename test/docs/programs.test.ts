/** The complete programs of the documentation run, with the demo model in the place of a real one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { compileCache } from '../compile-cache.ts'
import { within } from '../deadline.ts'
import { freePort } from '../redis/free-port.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { root } from './pages.ts'
import { writeFiles, type WrittenFiles } from './written-files.ts'

let written: WrittenFiles
let port: number
const running: ChildProcess[] = []

/**
 * Replaces the parts that an offline run does not have: the package, a model with a key, and a free
 * port.
 */
const offline = (code: string): string =>
  code
    .replaceAll("from 'loomkit'", `from '${join(root, 'src/index.ts')}'`)
    .replaceAll("'openai/gpt-5-mini'", "'demo/assistant'")
    // The demo model calls a tool only if the prompt names it.
    .replace('What is 123 * 456?', 'Use multiply {"a": 123, "b": 456}')
    .replaceAll('port: 3000', `port: ${port}`)

beforeAll(async () => {
  port = await freePort()
  written = writeFiles(['ts'], offline)
})

afterAll(async () => {
  for (const child of running.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )) {
    const exited = once(child, 'exit')
    child.kill()
    await exited
  }
  written[Symbol.dispose]()
})

interface Program {
  child: ChildProcess
  /** stdout and stderr so far. */
  readonly output: string
}

/** Runs the block that contains this text. */
function start(text: string, environment: Record<string, string> = {}): Program {
  const found = [...written.files].filter(([, { code }]) => code.includes(text))
  expect(found, text).toHaveLength(1)
  const [name = ''] = found[0] ?? []
  const child = spawn(process.execPath, [name], {
    cwd: written.folder,
    env: {
      PATH: process.env['PATH'],
      ...compileCache(),
      LOOM_MODELS_URL: 'none',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  const program = { child, output: '' }
  const add = (chunk: string) => (program.output += chunk)
  child.stdout.setEncoding('utf8').on('data', add)
  child.stderr.setEncoding('utf8').on('data', add)
  return program
}

/** Runs a block to its end; it must end well. */
async function outputOf(text: string, environment?: Record<string, string>): Promise<string> {
  const program = start(text, environment)
  const [code] = await within(
    60_000,
    `the end of the program with ${text}`,
    once(program.child, 'close'),
  )
  expect(code, program.output).toBe(0)
  return program.output
}

describe('the programs of the documentation', () => {
  it('run an agent and stream its events', async () => {
    const output = await outputOf("import { run, stream } from 'loomkit'")
    expect(output).toMatch(/56088.*2\n/s)
    expect(output).toContain("type: 'finish'")
  })

  it('continue a run that waits for an approval or an output', async () => {
    const output = await outputOf('answersTo(first)')
    expect(output).toContain('a.txt is erased')
    expect(output).toContain('line 1')
  })

  it('hold a conversation', async () => {
    const output = await outputOf("session.call('What is 2 + 2?')")
    expect(output).toContain('text-delta')
    expect(output).toContain("role: 'assistant'")
  })

  it('hold a conversation in Redis', async () => {
    await using redis = await startRedis()
    const environment = { REDIS_URL: `redis://127.0.0.1:${redis.port}` }
    expect(await outputOf("id: 'lesson-1'", environment)).toContain('42')
    expect(await redis.client.keys('docs:*lesson-1*')).not.toEqual([])
  })

  it('serve an agent in a Hono app', async () => {
    const program = start('serve({ fetch: app.fetch')
    const ask = () =>
      fetch(`http://127.0.0.1:${port}/api/chat?protocol=text`, {
        method: 'POST',
        body: JSON.stringify({ message: 'Use multiply {"a": 123, "b": 456}' }),
      }).then(
        (response) => response.text(),
        () => '',
      )
    await until(30_000, `the server answers; it wrote ${program.output}`, async () =>
      (await ask()).includes('56088'),
    )
  })
})
