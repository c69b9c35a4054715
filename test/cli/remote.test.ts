import { afterEach, describe, expect, it } from 'vitest'

import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { listen } from '../../src/server/listen.ts'
import { until } from '../redis/until.ts'
import { servedApp } from '../served-app.ts'
import { openUpstream, type Upstream } from '../sessions/upstream.ts'
import { loom, start, tidy } from './command.ts'
import mine from './files/agent.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'

const { enter, interrupt, end } = keys
const open: (() => Promise<void>)[] = []

afterEach(async () => {
  await closeTerminals()
  await tidy()
  for (const close of open.splice(0)) await close()
})

/** A server whose agent has tools with effects and with questions. */
async function serve(environment: Record<string, string> = {}): Promise<string> {
  const settings = { LOOM_AGENT: mine.name, LOOM_MODEL: 'demo/fast', ...environment }
  const app = await servedApp({
    agents: [mine],
    config: readConfig(settings),
    models: createModels({ environment: settings }),
  })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  open.push(() => server.stop(0))
  return server.url
}

async function upstreamServer(): Promise<{ url: string; upstream: Upstream }> {
  const upstream = await openUpstream(0)
  open.push(async () => upstream[Symbol.asyncDispose]())
  return { url: await serve({ LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }), upstream }
}

/** As a browser would. */
const post = async (url: string, id: string, message: string): Promise<void> => {
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ id, message }),
  })
  expect(response.status).toBe(202)
}

const textOf = async (url: string, id: string): Promise<string> =>
  JSON.stringify(await (await fetch(`${url}/api/chat/${id}/messages`)).json())

describe('a question to a server', () => {
  it('is answered and stored by the server', async () => {
    const url = await serve()
    const first = await loom(['--url', url, '--session', 's', 'My name is Ada.'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const second = await loom(['--url', `${url}/`, '--session', 's', 'Who am I?'])
    expect(second.stdout).toBe('Your name is Ada.\n')
    const last = await loom(['--url', url, '--continue', '--json', 'Who am I?'])
    expect(JSON.parse(last.stdout)).toMatchObject({ sessionId: 's', text: 'Your name is Ada.' })
    const listed = await loom(['sessions', '--url', url])
    expect(listed.stdout).toMatch(/^\S+ \S+ {2}s {2}My name is Ada\.\n$/)
  })

  it('needs the key of the server', async () => {
    const url = await serve({ LOOM_API_KEYS: 'a-long-secret' })
    const none = await loom(['--url', url, 'hi there'])
    expect(none.code).toBe(3)
    expect(none.stderr).toMatch(/^loom: .*LOOM_API_KEY.*\n$/)
    const environment = { LOOM_API_KEY: 'a-long-secret' }
    expect((await loom(['--url', url, 'hi there'], { environment })).code).toBe(0)
  })

  it('that cannot be reached fails with one line', async () => {
    const { code, stderr } = await loom(['--url', 'http://127.0.0.1:1', 'hi there'])
    expect(stderr).toBe('loom: http://127.0.0.1:1/api/chat cannot be reached.\n')
    expect(code).toBe(1)
  })

  it('refuses tools without a human', async () => {
    const tools = await serve()
    const agent = await loom(['--url', tools, 'Ask me which I like: red or blue'])
    expect(agent.stderr).toContain('No human is here to be asked.')
    expect(agent.code).toBe(0)
  })

  it('is stopped by Ctrl-C and keeps its text', async () => {
    const { url, upstream } = await upstreamServer()
    const run = start(['--url', url, '--session', 's', 'steps: 1 hold'])
    await until(10_000, 'the model holds', () => upstream.held === 1)
    await until(10_000, 'its words are here', () => run.stdout.includes('two'))
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    await until(5000, 'the model call is aborted', () => upstream.aborted === 1)
    expect(await textOf(url, 's')).toContain('Step 1: one two')
  })

  it('of another client is shown by `--watch`', async () => {
    const { url, upstream } = await upstreamServer()
    await post(url, 's', 'steps: 1 hold')
    await until(10_000, 'the model holds', () => upstream.held === 1)
    const run = start(['--url', url, '--session', 's', '--watch'])
    await until(10_000, 'its words are here', () => run.stdout.includes('two'))
    upstream.letGo()
    expect(await run.ended).toMatchObject({ code: 0, stdout: 'Step 1: one two three. \n' })
    const nothing = await loom(['--url', url, '--session', 's', '--watch'])
    expect(nothing).toMatchObject({ code: 0, stdout: '' })
  })
})

describe('`--watch`', () => {
  it('answers no call and stops no turn', async () => {
    const url = await serve()
    await post(url, 's', 'Ask me which colour I like: red or blue')
    await until(10_000, 'the session waits', async () => {
      const session = await (await fetch(`${url}/api/chat/s`)).text()
      return session.includes('"waiting"')
    })
    expect((await loom(['--url', url, '--session', 's', '--watch'])).code).toBe(0)
    expect(await (await fetch(`${url}/api/chat/s`)).text()).toContain('"waiting"')
    const server = await upstreamServer()
    await post(server.url, 's', 'steps: 1 hold')
    const run = start(['--url', server.url, '--session', 's', '--watch'])
    await until(10_000, 'its words are here', () => run.stdout.includes('two'))
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    expect(server.upstream.held).toBe(1)
    server.upstream.letGo()
  })
})

describe.skipIf(lacksTerminal)('a conversation on a server', () => {
  it('asks here, whichever client began the turn', async () => {
    const url = await serve()
    const terminal = openPseudoTerminal(['chat', '--session', 's', '--url', url])
    await terminal.shows('/help lists')
    await terminal.type(`Ask me which colour I like: red or blue${enter}`, '2. blue')
    await terminal.type(`1${enter}`, 'You answered red')
    await post(url, 's', 'Ask me which animal I like: cats or dogs')
    await terminal.shows('2. dogs')
    await terminal.type(`2${enter}`, 'You answered dogs')
    await terminal.type(end, `loom chat --session s --url ${url} continues this session`)
    await terminal.endsWith(0)
  })

  it('can be joined and stopped during an answer', async () => {
    const { url, upstream } = await upstreamServer()
    const terminal = openPseudoTerminal(['chat', '--session', 's', '--url', url])
    await terminal.shows(/› $/)
    await terminal.type('steps: 1', 'steps: 1')
    await post(url, 's', 'steps: 1 hold')
    await terminal.shows('Step 1: one')
    await terminal.type(interrupt, '(stopped)')
    await until(5000, 'the model call is aborted', () => upstream.aborted === 1)
    upstream.letGo()
    await terminal.type(` again${enter}`, 'Step 1: one two three.')
    expect(upstream.calls.at(-1)?.asked).toBe('steps: 1 again')
  })

  it('continues if another client answers first', async () => {
    const url = await serve()
    const terminal = openPseudoTerminal(['chat', '--session', 's', '--url', url])
    await terminal.shows('/help lists')
    await terminal.type(`Ask me which colour I like: red or blue${enter}`, '2. blue')
    const session: unknown = await (await fetch(`${url}/api/chat/s/stream`)).text()
    const [, id = ''] = /"toolCallId":"([^"]+)"/.exec(String(session)) ?? []
    const answered = await fetch(`${url}/api/chat/s/tools/${id}`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: JSON.stringify({ output: 'green' }),
    })
    expect(answered.status).toBe(200)
    await terminal.type(`1${enter}`, 'You answered green')
  })

  it('survives the end of the server', async () => {
    const url = await serve()
    const terminal = openPseudoTerminal(['chat', '--session', 's', '--url', url])
    await terminal.shows('/help lists')
    const [close] = open.splice(0)
    await close?.()
    await terminal.type(`/sessions${enter}`, 'cannot be reached')
    // The prompt appears again.
    await terminal.type(`/help${enter}`, '/quit')
  })
})
