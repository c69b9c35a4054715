/** `loom admin` governs the sessions of a tenant on a real server. */
import { spawn } from 'node:child_process'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { assistant } from '../../agents/assistant.ts'
import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { listen } from '../../src/server/listen.ts'
import { jwtSecret, secretJwt } from '../access/access-server.ts'
import { compileCache } from '../compile-cache.ts'
import { within } from '../deadline.ts'
import { servedApp } from '../served-app.ts'
import { command, loom, tidy } from './command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'

let url: string
let environment: Record<string, string>
let stop: () => Promise<void>

beforeAll(async () => {
  const settings = {
    LOOM_MODEL: 'demo/fast',
    LOOM_API_KEYS: 'acme:the-key-of-acme,acme/chat:the-key-of-a-user',
    LOOM_JWT_SECRET: jwtSecret,
    LOOM_OPERATOR_KEYS: 'ops:the-key-of-an-operator',
  }
  const app = await servedApp({
    agents: [assistant],
    config: readConfig(settings),
    models: createModels({ environment: settings }),
  })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  url = server.url
  stop = () => server.stop(0)
  environment = { LOOM_URL: url, LOOM_API_KEY: 'the-key-of-acme' }
})
afterAll(() => stop())
afterEach(async () => {
  await closeTerminals()
  await tidy()
})

async function say(subject: string, id: string, message: string): Promise<void> {
  const jwt = await secretJwt({ sub: subject, tenant: 'acme', scope: 'chat' })
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}`, accept: 'application/json' },
    body: JSON.stringify({ id, message }),
  })
  expect(await response.text()).toContain('"idle"')
}

const admin = (...words: string[]) => loom(['admin', ...words], { environment })

describe('loom admin', () => {
  it('ends an export whose reader closed its end', async () => {
    await say('ada', 'long', 'words '.repeat(100_000))
    const [file = '', ...first] = command
    const child = spawn(file, [...first, 'admin', 'export'], {
      env: { PATH: process.env['PATH'], ...compileCache(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await within(15_000, 'the end of the export', closed).finally(() => child.kill())
    expect([code, errors]).toEqual([0, ''])
    expect((await admin('delete', 'long')).code).toBe(0)
  })

  it('lists, shows, exports, stops and deletes the sessions of all subjects', async () => {
    await say('ada', 'plan', 'A plan for\u001b[31m Oslo')
    await say('bob', 'sums', 'What is 6 * 7?')
    const listed = await admin('sessions')
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    expect(listed.stdout.split('\n').map((line) => line.slice('2026-11-30 00:00'.length))).toEqual([
      '  idle  bob  sums  What is 6 * 7?',
      expect.stringMatching(/^ {2}idle {2}ada {2}plan {2}A plan for\P{Cc}* Oslo$/u),
      '',
    ])
    const some = await admin('sessions', '--subject', 'ada', '--json', '--limit', '1')
    expect(JSON.parse(some.stdout)).toMatchObject({ sessions: [{ id: 'plan', subject: 'ada' }] })
    const cut = await admin('sessions', '--limit', '1')
    expect(cut.stderr).toBe('loom: There are more sessions than --limit 1.\n')

    const operator = { ...environment, LOOM_API_KEY: 'the-key-of-an-operator' }
    const all = await loom(['admin', 'sessions', '--limit', '1'], { environment: operator })
    expect(all.stdout).toMatch(/ {2}idle {2}acme {2}bob {2}sums /)

    expect((await admin('inspect', 'sums')).stdout).toMatch(/^subject +bob$/m)
    const shown = await admin('inspect', 'sums', '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject({
      id: 'sums',
      subject: 'bob',
      tasks: [],
      inspection: { session: { id: 'sums' }, subject: 'bob', turn: { ownerState: 'none' } },
    })
    const inner = await loom(['admin', 'inspect', 'sums', '--tenant', 'acme'], {
      environment: operator,
    })
    expect(inner.stdout).toMatch(/^log +\{"first":/m)

    const exported = await admin('export', '--subject', 'bob')
    expect(JSON.parse(exported.stdout)).toMatchObject({ subject: 'bob', session: { id: 'sums' } })

    expect((await admin('stop', 'sums')).stdout).toBe('No answer ran.\n')
    expect(await admin('delete', 'sums')).toMatchObject({ code: 0, stdout: 'Deleted.\n' })
    const trail = (await admin('audit', '--limit', '2')).stdout.split('\n')
    expect(trail.map((line) => line.slice('2026-11-30 00:00'.length))).toEqual([
      '  delete  -  sums',
      '  stop    -  sums',
      '',
    ])
    expect(await admin('inspect', 'sums')).toMatchObject({
      code: 2,
      stderr: 'loom: The server says: There is no such session.\n',
    })
  })

  it('erases only with a consent', async () => {
    await say('eve', 'diary', 'Secret')
    expect(await admin('erase')).toMatchObject({ code: 2 })
    const silent = await admin('erase', '--subject', 'eve')
    expect(silent).toMatchObject({ code: 2, stdout: '' })
    expect(silent.stderr).toContain('--yes')
    expect((await admin('inspect', 'diary')).code).toBe(0)
    const unset = await admin('erase', '--tenant', '', '--yes')
    expect(unset).toMatchObject({ code: 2, stdout: '' })
    expect(unset.stderr).toContain('--all')
    const erased = await admin('erase', '--subject', 'eve', '--yes')
    expect(erased.stdout).toMatch(
      /^Erased the subject eve at \S+: 1 sessions, 0 tasks, 2 messages and \d+ keys\. Nothing is left\.\n$/,
    )
    const tenant = await admin('erase', '--tenant', 'acme', '--yes', '--json')
    expect(JSON.parse(tenant.stdout)).toMatchObject({ erased: { tenant: 'acme' }, complete: true })
    expect((await admin('sessions')).stdout).toBe('There are no sessions.\n')
  })

  it('erases everything that has no tenant only by --all', async () => {
    const root = await secretJwt({ sub: 'root', scope: 'admin' })
    const all = await loom(['admin', 'erase', '--all', '--yes'], {
      environment: { ...environment, LOOM_API_KEY: root },
    })
    expect(all).toMatchObject({ code: 0, stdout: expect.stringContaining('Erased everything at') })
  })

  it.skipIf(lacksTerminal)('asks at a terminal for the name', async () => {
    await say('fay', 'letter', 'Secret')
    const erase = () => openPseudoTerminal(['admin', 'erase', '--subject', 'fay'], { environment })
    const refused = erase()
    await refused.shows('type its name')
    await refused.type(`yes${keys.enter}`, 'Nothing was erased.')
    await refused.endsWith(2)
    const interrupted = erase()
    await interrupted.shows('type its name')
    await interrupted.type(keys.interrupt, 'Nothing was erased.')
    await interrupted.endsWith(130)
    const accepted = erase()
    await accepted.shows('type its name')
    await accepted.type(`fay${keys.enter}`, 'Erased the subject fay')
    await accepted.endsWith(0)
  })

  it('needs a server and a key with the scope admin', async () => {
    const nowhere = await loom(['admin', 'sessions'])
    expect(nowhere).toMatchObject({
      code: 2,
      stderr: 'loom: Name the server: --url ADDRESS, or LOOM_URL.\n',
    })
    const user = { LOOM_API_KEY: 'the-key-of-a-user' }
    const refused = await loom(['admin', 'sessions', '--url', url], { environment: user })
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    expect(refused.stderr).toContain('admin')
    expect((await loom(['admin', 'sessions', '--url', url])).code).toBe(3)
    expect((await loom(['admin', 'erease'])).code).toBe(2)
  })
})
