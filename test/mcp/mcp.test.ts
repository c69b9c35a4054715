import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { openMcp } from '../../src/mcp.ts'
import { type McpServer } from '../../src/mcp/server-options.ts'
import { toolTable } from '../../src/runner/tool-table.ts'
import { calculator } from '../../tools/calculator.ts'
import { within } from '../deadline.ts'
import { agentOf, record } from '../recorded-run.ts'
import { freePort, portOf } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { callTool, failureOf } from '../tools/called-tool.ts'
import { carriersOf } from '../tools/carriers.ts'
import {
  everything,
  filesystem,
  named,
  oddServer,
  saidBy,
  startEverything,
  startMs,
} from './stage.ts'

const environment = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  OPENAI_API_KEY: 'sk-a-real-secret',
  REDIS_URL: 'redis://:password@127.0.0.1',
}

let stack: AsyncDisposableStack
let folder: string
let reports: string[]

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = await mkdtemp(join(tmpdir(), 'loom-mcp-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  reports = []
})

afterEach(() => stack.disposeAsync())

const open = (...servers: McpServer[]) =>
  stack.use(openMcp(servers, { environment, report: (line) => void reports.push(line) }))

const reference: McpServer = {
  name: 'every',
  command: process.execPath,
  args: [everything],
  connectMs: startMs,
}

async function odd(names: readonly string[], ...flags: string[]) {
  const file = join(folder, `odd-${flags.join('-')}`)
  await writeFile(file, `${names.join('\n')}\n`)
  return { file, server: oddServer(file, ...flags) }
}

describe('an MCP server over stdio', () => {
  it('offers its tools in addition to the agent’s own', async () => {
    const mcp = open(reference)
    const model = scriptedModel(
      calls(['get-sum', { a: 20, b: 22 }], ['calculator', { expr: '6 * 7' }]),
      says('Both are 42.'),
    )
    const agent = agentOf({ tools: mcp.beside([calculator]), model })
    const { events, result } = await record(agent, 'Add.')
    expect(result.text).toBe('Both are 42.')
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'tool-input-available',
        toolName: 'get-sum',
        dynamic: true,
      }),
    )
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      role: 'tool',
      content: [
        { output: { type: 'text', value: 'The sum of 20 and 22 is 42.' } },
        { output: { type: 'json', value: { result: 42 } } },
      ],
    })
  })

  it('receives its own variables and no secret of Loom', async () => {
    const mcp = open({ ...reference, env: { GIVEN: 'this' } })
    const said = await saidBy(named(await mcp.tools(), 'get-env'))
    expect(said).toContain('"GIVEN": "this"')
    expect(said).not.toMatch(/sk-a-real-secret|password/)
  })

  it('returns images as files and reports invalid input', async () => {
    const tools = await open(reference).tools()
    expect(await saidBy(named(tools, 'get-tiny-image'))).toMatch(/\nfile\n/)
    expect(await failureOf(named(tools, 'echo'), {})).toMatch(/message/)
  })

  it('reports a refused file as a tool error', async () => {
    await writeFile(join(folder, 'note.txt'), 'a note')
    const args = [filesystem, folder]
    const server = { name: 'files', command: process.execPath, args, connectMs: startMs }
    const tools = await open(server).tools()
    const read = named(tools, 'read_text_file')
    expect(await saidBy(read, { path: join(folder, 'note.txt') })).toContain('a note')
    expect(await failureOf(read, { path: '/etc/passwd' })).toMatch(/outside allowed directories/)
    expect(read.retry).toBe('safe')
    expect(named(tools, 'write_file').retry).toBe('safe')
    expect(named(tools, 'move_file').retry).toBe('never')
  })

  it('starts once, at the first need', async () => {
    const { server, file } = await odd(['pid'])
    const mcp = open(server)
    expect(await carriersOf(file)).toBe(0)
    const lists = await Promise.all([mcp.tools(), mcp.tools(), mcp.tools()])
    const pids = await Promise.all(lists.map((tools) => saidBy(named(tools, 'pid'))))
    expect(new Set(pids).size).toBe(1)
    expect(lists[0]?.[0]).toBe(lists[1]?.[0])
  })

  it('starts again after its death and lists its tools', async () => {
    const { server, file } = await odd(['die', 'echo'])
    const mcp = open(server)
    const tools = await mcp.tools()
    await writeFile(file, 'echo\nnew\n')
    expect(await failureOf(named(tools, 'die'), {})).toBe(
      'Connection closed. Whether it was done is unknown.',
    )
    expect(await saidBy(named(tools, 'echo'), { text: 'again' })).toBe('echo again')
    expect((await mcp.tools()).map(({ name }) => name)).toEqual(['echo', 'new'])
    expect(await readFile(`${file}.calls`, 'utf8')).toBe('die\necho\n')
  })

  it('lists its tools again after it reports a change', async () => {
    const { server } = await odd(['change'])
    const mcp = open(server)
    await callTool(named(await mcp.tools(), 'change'), {})
    expect((await mcp.tools()).map(({ name }) => name)).toEqual(['change', 'added'])
  })

  it('reports errors, and works in spite of odd output', async () => {
    const { server } = await odd(['fail', 'rant', 'babble', 'much'])
    const tools = await open(server).tools()
    expect(await failureOf(named(tools, 'fail'), {})).toBe('It is broken.')
    const rant = await failureOf(named(tools, 'rant'), {})
    expect(rant).toMatch(/^It is broken\. [^]*\n\[1300000 more characters are not shown\]$/)
    expect(await saidBy(named(tools, 'babble'))).toBe('babble ')
    expect(await saidBy(named(tools, 'much'))).toMatch(/^x{100000}\n\[200000 more characters/)
  })

  it('has limits on the stored size of its results', async () => {
    const { server } = await odd(['flood'])
    const { output } = await callTool(named(await open(server).tools(), 'flood'), {})
    expect(JSON.stringify(output).length).toBeLessThan(1_000_000)
    expect(output).not.toHaveProperty('structuredContent')
    const { content = [] }: { content?: unknown[] } = Object(output)
    expect(content.slice(0, 5)).toEqual([
      {
        type: 'text',
        text: expect.stringMatching(/x\n\[900000 more characters are not shown\]$/),
        annotations: { priority: 1 },
      },
      { type: 'text', text: expect.stringMatching(/^\[image of 40000\d\d characters is not kept/) },
      { type: 'image', data: 'AAAA', mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'a:b', text: expect.stringMatching(/^y{100000}\n\[/) } },
      { type: 'text', text: expect.stringMatching(/^\[resource of \d+ characters is not kept/) },
    ])
    expect(content.at(-1)).toEqual({
      type: 'text',
      text: expect.stringMatching(/^\[\d+ more parts are not kept\]$/),
    })
  })

  it('receives a cancellation at the time limit', async () => {
    const { server, file } = await odd(['hang', 'echo'])
    // The limit is also that of the echo, which takes long on a busy machine.
    const tools = await open({ ...server, callMs: 1500 }).tools()
    expect(await failureOf(named(tools, 'hang'), {})).toMatch(/timed out after 1500ms/)
    expect(await saidBy(named(tools, 'echo'), { text: 'still there' })).toBe('echo still there')
    const controller = new AbortController()
    const failure = failureOf(named(tools, 'hang'), {}, controller.signal)
    const noted = () => readFile(`${file}.calls`, 'utf8')
    await until(5000, 'the second call', async () => /hang[^]*hang/.test(await noted()))
    controller.abort(new Error('stopped'))
    expect(await failure).toBe('stopped')
    await until(5000, 'its cancellation', async () => /\n(cancelled \d+\n?)+$/.test(await noted()))
  })

  it('ends with all its processes, if necessary by force', async () => {
    const { server, file } = await odd(['pid'], 'stubborn', 'child')
    const mcp = openMcp([server], { environment })
    await mcp.tools()
    // The server, its supervisor shell, and its child.
    expect(await carriersOf(file)).toBe(3)
    await within(10_000, 'the end of a stubborn server', mcp.close())
    await until(5000, 'nothing is left', async () => (await carriersOf(file)) === 0)
    expect(await mcp.tools()).toEqual([])
  })

  it('ends with its processes if Loom is killed', async () => {
    const { file } = await odd(['pid'], 'stubborn', 'child')
    const host = spawn(process.execPath, [join(import.meta.dirname, 'mcp-host.ts'), file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    host.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
    try {
      await until(20_000, 'it is connected', () => said.includes('connected'))
      expect(await carriersOf(file)).toBe(4)
    } finally {
      host.kill('SIGKILL')
    }
    await until(10_000, 'nothing is left', async () => (await carriersOf(file)) === 0)
  })
})

describe('an MCP server over HTTP', () => {
  it('offers its tools and answers calls', async () => {
    const { url } = stack.use(await startEverything())
    const tools = await open({ name: 'every', url }).tools()
    expect(await saidBy(named(tools, 'echo'), { message: 'hello' })).toBe('Echo: hello')
  })

  it('gets a new session after its restart', async () => {
    const server = stack.use(await startEverything())
    const mcp = open({ name: 'every', url: server.url })
    const echo = named(await mcp.tools(), 'echo')
    await server.kill()
    await server.start()
    expect(await saidBy(echo, { message: 'again' })).toBe('Echo: again')
    expect((await mcp.tools()).map(({ name }) => name)).toContain('echo')
  })

  it('reports tool errors during an outage only', async () => {
    const server = stack.use(await startEverything())
    const mcp = open({ name: 'every', url: server.url })
    const echo = named(await mcp.tools(), 'echo')
    await server.kill()
    const away = /^MCP server "every" cannot be reached: .*ECONNREFUSED/
    // The connection may break during the first call, whose effect is then unknown.
    const first = await failureOf(echo, { message: 'x' })
    if (!away.test(first)) expect(first).toMatch(/Whether it was done is unknown\.$/)
    expect(await failureOf(echo, { message: 'x' })).toMatch(away)
    // Its tools stay on offer, so that a call reports the problem to the model.
    expect((await mcp.tools()).map(({ name }) => name)).toContain('echo')
    await server.start()
    const isBack = () =>
      saidBy(echo, { message: 'x' }).then(
        () => true,
        () => false,
      )
    await until(10_000, 'it is found again', isBack)
    expect(reports).toEqual([
      expect.stringMatching(/^MCP server "every" cannot be reached: /),
      'MCP server "every" is there again.',
    ])
  })

  it('ends a call at once if it dies', async () => {
    const server = stack.use(await startEverything())
    const tools = await open({ name: 'every', url: server.url }).tools()
    const long = named(tools, 'trigger-long-running-operation')
    const failure = failureOf(long, { duration: 60, steps: 60 })
    // The answered calls were sent after the first one.
    for (const message of ['x', 'y', 'z']) await saidBy(named(tools, 'echo'), { message })
    await server.kill()
    expect(await within(10_000, 'the failure', failure)).toMatch(/unknown\.$/)
  })

  it('receives its headers, which no error shows', async () => {
    const seen: unknown[] = []
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization)
      response.writeHead(401).end(`bad key ${request.headers.authorization}`)
    }).listen(0, '127.0.0.1')
    stack.defer(() => void server.close())
    await until(5000, 'it listens', () => server.listening)
    const url = `http://127.0.0.1:${portOf(server)}/mcp`
    const mcp = open({ name: 'closed', url, headers: { authorization: 'Bearer sk-secret-1' } })
    expect(await mcp.tools()).toEqual([])
    expect(seen).toContain('Bearer sk-secret-1')
    expect(reports).toEqual([expect.stringMatching(/401/)])
    expect(reports.join()).not.toContain('sk-secret-1')
  })
})

describe('unreachable MCP servers', () => {
  it('do not stop the run and are reported once', async () => {
    const url = `http://127.0.0.1:${await freePort()}/mcp`
    const mcp = open({ name: 'gone', url }, { name: 'none', command: 'no-such-program' }, reference)
    const model = scriptedModel(calls(['echo', { message: 'x' }]), says('Done.'))
    const { result } = await record(agentOf({ tools: mcp.beside([]), model }), 'Go.')
    expect(result.text).toBe('Done.')
    await mcp.tools()
    expect(reports.toSorted()).toEqual([
      expect.stringMatching(/^MCP server "gone" cannot be reached: .*ECONNREFUSED/),
      expect.stringMatching(/^MCP server "none" cannot be reached: it has ended: .*not found/),
    ])
  })

  it('give the model a tool to try again', async () => {
    const { server } = await odd(['echo'])
    const late = join(folder, 'late-server')
    const mcp = open({ ...server, command: late })
    const model = scriptedModel(
      calls(['odd_connect', {}]),
      calls(['odd_connect', {}]),
      says('Done.'),
    )
    const agent = agentOf({
      tools: mcp.beside([]),
      model,
      onStep: async ({ step }): Promise<'continue'> => {
        if (step === 1) await symlink(process.execPath, late)
        return 'continue'
      },
    })
    await record(agent, 'Go.')
    const offered = model.asked[0]?.tools
    expect(offered).toMatchObject([
      {
        name: 'odd_connect',
        description: expect.stringMatching(/^MCP server "odd" cannot be reached: .*not found/),
      },
    ])
    const lastPrompt = (index: number) => JSON.stringify(model.asked[index]?.prompt.at(-1))
    expect(lastPrompt(1)).toMatch(/error-text.*cannot be reached/)
    expect(lastPrompt(2)).toContain(
      'odd\\" is there now. From the next message on these are tools: echo',
    )
    const names = (await toolTable(await mcp.beside([])())).keys()
    expect([...names]).toEqual(['echo'])
  })

  it('have a time limit to connect', async () => {
    const { server } = await odd(['echo'], 'deaf')
    const mcp = open({ ...server, connectMs: 300 })
    expect(await within(8000, 'the tools', mcp.tools())).toEqual([])
    expect(reports).toEqual([expect.stringMatching(/timed out/)])
  })
})

describe('names of MCP tools', () => {
  it('get their server’s name as a prefix if in use', async () => {
    const first = await odd(['echo', 'calculator'])
    const second = oddServer(first.file)
    const mcp = open({ ...first.server, name: 'one' }, { ...second, name: 'two' })
    const tools = await mcp.tools(['calculator'])
    expect(tools.map(({ name }) => name)).toEqual([
      'echo',
      'one_calculator',
      'two_echo',
      'two_calculator',
    ])
    expect(await saidBy(named(tools, 'two_echo'), { text: 'x' })).toBe('echo x')
  })

  it('are valid for every provider', async () => {
    const long = 'n'.repeat(100)
    const { server } = await odd(['a.b/c', 'a b c', 'ä', long, `${long}2`])
    const names = (await open(server).tools()).map(({ name }) => name)
    expect(new Set(names).size).toBe(5)
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    expect(names[0]).toBe('a_b_c')
  })

  it('require valid and unique server names', () => {
    for (const names of [['a', 'a'], ['a b'], ['']]) {
      const servers = names.map((name): McpServer => ({ name, url: 'http://127.0.0.1:1' }))
      expect(() => openMcp(servers, { environment })).toThrow(/MCP server name/)
    }
  })
})
