import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { afterEach, describe, expect, it, vi } from 'vitest'

import { compileCache } from './compile-cache.ts'

const root = join(import.meta.dirname, '..')
const running: ChildProcess[] = []

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
})

interface Loom {
  child: ChildProcess
  out: () => string
  err: () => string
  exit: Promise<number | null>
}

function loom(args: readonly string[], environment: Record<string, string> = {}): Loom {
  const child = spawn(process.execPath, [join(root, 'bin/loom.mjs'), ...args], {
    env: { PATH: process.env['PATH'], ...compileCache(), PORT: '0', ...environment },
  })
  running.push(child)
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => (out += String(data)))
  child.stderr.on('data', (data) => (err += String(data)))
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { child, out: () => out, err: () => err, exit }
}

async function started(server: Loom): Promise<string> {
  await vi.waitFor(() => expect(server.out()).toMatch(/curl -N/), 60_000)
  return /http:\/\/\S+/.exec(server.out())?.[0] ?? ''
}

describe('loom serve', () => {
  it('the greeting has an address and a working example', async () => {
    const server = loom(['serve'])
    const url = await started(server)
    expect(server.out()).toMatch(/agent +assistant/)
    expect(server.out()).toMatch(/model +demo\/assistant/)
    const [, path = '', body = ''] =
      /curl -N 'http:\/\/[^/]+(\S+)' -d '(.*)'/.exec(server.out()) ?? []
    const response = await fetch(url + path, { method: 'POST', body })
    expect(await response.text()).toContain('408')
    server.child.kill('SIGTERM')
    expect(await server.exit).toBe(0)
    expect(server.err()).toBe('')
  })

  it('SIGTERM lets running answers finish', async () => {
    const server = loom(['serve'])
    const url = await started(server)
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ message: 'What is 12 * 34?' }),
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = (await reader?.read())?.value ?? ''
    server.child.kill('SIGTERM')
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      text += read.value
    }
    expect(text).toContain('[DONE]')
    expect(await server.exit).toBe(0)
  })

  it('LOOM_GRACE_MS limits answers after SIGTERM', async () => {
    const server = loom(['serve'], { LOOM_GRACE_MS: '300', LOOM_MODEL: 'demo/assistant' })
    const url = await started(server)
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ message: `Repeat: ${'a long story '.repeat(2000)}` }),
    })
    const reader = response.body?.getReader()
    await reader?.read()
    const from = performance.now()
    server.child.kill('SIGTERM')
    const drain = async () => {
      for (let read = await reader?.read(); read?.done === false; read = await reader?.read());
    }
    // The connection is reset, and no client takes that for the end of the answer.
    await expect(drain()).rejects.toThrow()
    expect(await server.exit).toBe(0)
    // Without the setting this takes 10 s.
    expect(performance.now() - from).toBeLessThan(8000)
  })

  it('the second signal ends the server at once', async () => {
    const server = loom(['serve'])
    const url = await started(server)
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ message: 'Tell me a long story.' }),
    })
    await response.body?.getReader().read()
    server.child.kill('SIGINT')
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), 20_000)
    server.child.kill('SIGINT')
    expect(await server.exit).toBe(0)
  })
})

describe('a start that cannot be', () => {
  for (const [name, environment, line] of [
    ['a bad setting', { PORT: 'x' }, /^loom: PORT must be .*\n$/],
    ['a misspelt setting', { LOOM_MODLE: 'demo/echo' }, /^loom: LOOM_MODLE .*"LOOM_MODEL"\?\n$/],
    ['an unknown agent', { LOOM_AGENT: 'x' }, /^loom: LOOM_AGENT must be one of assistant, .*\n$/],
    ['an unknown provider', { LOOM_MODEL: 'x/y' }, /^loom: .*X_BASE_URL.*\n$/],
    ['a missing key', { LOOM_MODEL: 'openai/gpt-5' }, /^loom: .*OPENAI_API_KEY.*\n$/],
    ['an open address', { HOST: '0.0.0.0' }, /^loom: HOST .*\n$/],
    ['an address elsewhere', { HOST: '192.0.2.1', LOOM_AUTH: 'none' }, /^loom: HOST 192.*\n$/],
  ] as const) {
    it(`a start with ${name} is one line, exit code 3`, async () => {
      const server = loom(['serve'], environment)
      expect(await server.exit).toBe(3)
      expect(server.err()).toMatch(line)
      expect(server.out()).toBe('')
    })
  }

  it('a port in use is one line, exit code 3', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const server = loom(['serve'], { PORT: port })
    expect(await server.exit).toBe(3)
    expect(server.err()).toMatch(new RegExp(`^loom: PORT ${port} is in use.*\n$`))
    other.close()
  })

  it('unknown arguments are one line, exit code 2', async () => {
    for (const args of [
      ['serve', 'fast'],
      ['serve', '--port', '3000'],
    ]) {
      const server = loom(args)
      expect(await server.exit).toBe(2)
      expect(server.err()).toMatch(/^loom: .*\n$/)
      expect(server.out()).toBe('')
    }
  })
})

describe('loom models', () => {
  const offline = { LOOM_MODELS_URL: 'none' }

  it('loom models lists the models with all words', async () => {
    const { exit, out, err } = loom(['models', 'openrouter', 'sonnet-4.6'], offline)
    expect(await exit).toBe(0)
    expect(err()).toBe('')
    expect(out()).toMatch(/^MODEL +KEY +CONTEXT +\$\/M IN +\$\/M OUT +CAN\n/)
    expect(out()).toMatch(
      /^openrouter\/anthropic\/claude-sonnet-4\.6 +1M +3\+ +15\+ +tools reasoning image pdf$/m,
    )
  })

  it('loom models without words lists usable models', async () => {
    const environment = { ...offline, GROQ_API_KEY: 'key-of-groq', HOST: '0.0.0.0' }
    const { exit, out } = loom(['models'], environment)
    expect(await exit).toBe(0)
    const [, ...lines] = out().trim().split('\n')
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) expect(line).toMatch(/^(?:groq|demo)\/\S+ +set/)
    expect(out()).toMatch(/^groq\/groq\/compound +set +131k +\? +\?/m)
  })

  it('loom models reports no match or a bad setting', async () => {
    const none = loom(['models', 'no', 'such', 'model', 'anywhere'], offline)
    expect(await none.exit).toBe(0)
    expect(none.out()).toBe('No model is known by these words.\n')
    const bad = loom(['models'], { LOOM_MODELS_PATH: '/nowhere/models.json' })
    expect(await bad.exit).toBe(3)
    expect(bad.err()).toMatch(/^loom: LOOM_MODELS_PATH: .*ENOENT/)
  })
})

describe('a model of the registry', () => {
  const offline = { LOOM_MODELS_URL: 'none', LOOM_LOG_LEVEL: 'info' }

  it('a registry model needs only its key', async () => {
    const environment = { FIREWORKS_API_KEY: 'key-of-fireworks', LOOM_MODEL: 'fireworks/kimi-k2' }
    const server = loom(['serve'], { ...offline, ...environment })
    await started(server)
    await vi.waitFor(() => expect(server.err()).toContain('\n'), 60_000)
    expect(server.err()).toBe(
      'loom: Fireworks AI is not known to have a model "kimi-k2". Did you mean "accounts/fireworks/models/kimi-k3"?\n',
    )
  })

  it.each([
    ['fireworks/x', 'loom: Model "fireworks/x" needs an API key: set FIREWORKS_API_KEY.\n'],
    ['openruoter/x', /unknown provider "openruoter"\. Did you mean "openrouter"\?/],
  ])('an unusable model ends the start: %s', async (model, words) => {
    const { exit, err } = loom(['serve'], { ...offline, LOOM_MODEL: model })
    expect(await exit).toBe(3)
    expect(err()).toMatch(words)
    expect(err().trim().split('\n')).toHaveLength(1)
  })
})
