import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { Grants } from '../../src/cli/approval.ts'
import { isUnder, prefixOf } from '../../src/cli/command-prefix.ts'
import type { Upstream } from '../sessions/upstream.ts'
import { folder, loom, root, tidy } from './command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const { enter } = keys
const run = (command: string) => ({ calls: [{ name: 'bash', input: { command } }] })
const upstreams: Upstream[] = []

afterEach(async () => {
  await closeTerminals()
  for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
  await tidy()
})

async function open(answers: readonly (string | ScriptedAnswer)[]) {
  const upstream = await openScript(answers)
  upstreams.push(upstream)
  const environment = {
    XDG_STATE_HOME: await folder(),
    XDG_CONFIG_HOME: await folder(),
    LOOM_MODEL: 'up/x',
    UP_BASE_URL: upstream.url,
    LOOM_SANDBOX: 'none',
  }
  return { upstream, environment, directory: await folder() }
}

describe('"always" for a command', () => {
  it.each([
    ['git commit -m "a b"', 'git commit'],
    ['npm run test -- --watch', 'npm run test'],
    ['ls -la src', 'ls'],
    ['git push', 'git push'],
  ])('of `%s` allows `%s`', (command, prefix) => {
    expect(prefixOf(command)).toBe(prefix)
    expect(isUnder(command, prefix)).toBe(true)
  })

  it.each([
    'git -C .. push',
    'rm -rf build',
    'ls; rm -rf .',
    'FOO=1 make',
    'echo $(rm x)',
    'sh x.sh',
    'command rm x',
    'builtin eval x',
    '. ./x',
    'source x',
    'busybox rm x',
    'watch ls',
    'strace rm x',
    'su -c x',
    'python3.12 x.py',
    'perl5.36 x.pl',
    'parallel rm',
    'tee a',
    'vim -c x',
    'git bisect run x',
    'docker exec c rm x',
    'npm exec x',
    'docker run -v /:/x alpine',
  ])('of `%s` allows only this command', (command) => {
    expect(prefixOf(command)).toBe(undefined)
    const grants = new Grants({ everything: false, names: [] })
    grants.add('bash', { command })
    expect(grants.allows('bash', { command })).toBe(true)
    expect(grants.allows('bash', { command: `${command} /` })).toBe(false)
    expect(grants.allows('shell', { command })).toBe(false)
  })

  it('allows no other program and no chained command', () => {
    for (const command of [
      'git commits',
      'git push',
      'git commit; rm -rf .',
      'git commit && rm x',
      'git commit $(rm x)',
      'git commit > ~/.profile',
      'git commit\nrm x',
      'git\u00a0commit',
    ]) {
      expect(isUnder(command, 'git commit')).toBe(false)
    }
  })

  it.skipIf(lacksTerminal)('runs commands with the prefix and asks about others', async () => {
    const answers = [
      run('touch a'),
      run('touch b'),
      run('touch c; touch d'),
      run('mkdir e'),
      'All done.',
    ]
    const { environment, directory } = await open(answers)
    const terminal = openPseudoTerminal(['--agent', 'coder', 'go'], { environment, directory })
    await terminal.shows('(a)lways touch …, (n)o')
    await terminal.type(
      `a${enter}`,
      /touch c; touch d\nAllow bash\?|Allow bash\?.*\(a\)lways this one/,
    )
    await terminal.type(`n${enter}`, 'mkdir e')
    await terminal.shows('(a)lways mkdir …')
    await terminal.type(`n${enter}`, 'All done.')
    expect((await readdir(directory)).toSorted()).toEqual(['a', 'b'])
  })

  it('as `--allow` accepts a prefix', async () => {
    const { environment, directory } = await open([run('touch a'), run('mkdir b'), 'All done.'])
    const words = ['--agent', 'coder', '--allow', 'bash(touch)', 'go']
    const { stderr } = await loom(words, { environment, directory })
    expect(await readdir(directory)).toEqual(['a'])
    expect(stderr).toContain('bash was refused')
  })
})

describe('AGENTS.md of the workspace', () => {
  it('is read by the agent coder', async () => {
    const { upstream, environment, directory } = await open(['fine'])
    await loom(['--agent', 'coder', 'go'], { environment, directory })
    expect(JSON.stringify(upstream.calls[0]?.messages[0])).not.toContain('AGENTS.md')
    await writeFile(join(directory, 'AGENTS.md'), 'Run the tests with make check.\n')
    await loom(['--agent', 'coder', 'go'], { environment, directory })
    expect(JSON.stringify(upstream.calls[1]?.messages[0])).toContain(
      'Run the tests with make check.',
    )
  })
})

describe('MCP servers of the command', () => {
  async function withServer() {
    const names = join(await folder(), 'names')
    await writeFile(names, 'look\n')
    const args = [join(root, 'test/mcp/odd-server.ts'), names]
    return { odd: { command: '${TEST_NODE}', args, env: { NODE_NO_WARNINGS: '1' } } }
  }
  const look = { calls: [{ name: 'look', input: { text: 'here' } }] }

  it('come from `--mcp` and ask before they act', async () => {
    const { upstream, environment, directory } = await open([look, 'done', look, 'done'])
    const variables = { ...environment, TEST_NODE: process.execPath }
    const file = join(directory, 'servers.json')
    await writeFile(file, JSON.stringify({ mcpServers: await withServer() }))
    const options = { environment: variables, directory }
    const refused = await loom(['--mcp', 'servers.json', 'go'], options)
    expect(refused.stderr).toContain('look was refused: nobody is here to allow it')
    const allowed = await loom(['--mcp', 'servers.json', '--allow', 'look', 'go'], options)
    expect(allowed.stderr).toContain('└ look here')
    expect(JSON.stringify(upstream.calls[3]?.messages)).toContain('look here')
  })

  it('come from the user’s file, and failures are reported', async () => {
    const { environment, directory } = await open([look, 'done'])
    const config = join(environment.XDG_CONFIG_HOME, 'loom')
    await mkdir(config)
    const mcpServers = { ...(await withServer()), gone: { command: '/nonexistent/server' } }
    await writeFile(join(config, 'mcp.json'), JSON.stringify({ mcpServers }))
    const variables = { ...environment, TEST_NODE: process.execPath }
    const { stderr, code } = await loom(['--yes', 'go'], { environment: variables, directory })
    expect(code).toBe(0)
    expect(stderr).toContain('└ look here')
    expect(stderr).toMatch(/loom: .*gone.*\/nonexistent\/server/)
  })

  it('that cannot start become a tool without approval', async () => {
    const connect = { calls: [{ name: 'gone_connect', input: {} }] }
    const { upstream, environment, directory } = await open([connect, 'done'])
    const servers = { mcpServers: { gone: { command: '/nonexistent/server' } } }
    const words = ['--mcp', JSON.stringify(servers), 'go']
    const { stderr } = await loom(words, { environment, directory })
    const messages = JSON.stringify(upstream.calls[1]?.messages)
    expect(messages).toContain('cannot be reached')
    expect(messages).toContain('/nonexistent/server')
    expect(stderr).not.toContain('was refused')
  })

  it.skipIf(lacksTerminal)('have their tools in the list of /tools', async () => {
    const { environment, directory } = await open(['fine'])
    const mcpServers = { ...(await withServer()), gone: { command: '/nonexistent/server' } }
    const variables = { ...environment, TEST_NODE: process.execPath }
    const options = { environment: variables, directory }
    const words = ['--mcp', JSON.stringify({ mcpServers }), '--tools', 'clock']
    const terminal = openPseudoTerminal(words, options)
    await terminal.shows('›')
    await terminal.type(`/tools${enter}`, 'tools clock, look, gone_connect')
    await terminal.type(`/tools none${enter}`, 'tools look, gone_connect')
    await terminal.type(`/quit${enter}`, '')
  })

  it('may have any name, and a variable that is not set is reported', async () => {
    const { upstream, environment, directory } = await open([look, 'done'])
    const { odd } = await withServer()
    const server = { ...odd, command: '${env:TEST_NODE}', env: { ...odd.env, KEY: '${NO_SUCH}' } }
    const words = [
      '--mcp',
      JSON.stringify({ mcpServers: { 'My server/x.y': server } }),
      '--yes',
      'go',
    ]
    const variables = { ...environment, TEST_NODE: process.execPath }
    const { stderr } = await loom(words, { environment: variables, directory })
    expect(stderr).toContain('loom: --mcp: the variable NO_SUCH is not set')
    expect(JSON.stringify(upstream.calls[1]?.messages)).toContain('look here')
  })

  it.skipIf(lacksTerminal)('of an agent file have their tools in the list of /tools', async () => {
    const { environment, directory } = await open(['fine'])
    const [odd] = Object.values(await withServer())
    const server = { ...odd, name: 'odd', command: process.execPath }
    const agent = `import { defineAgent, openMcp } from 'loomkit'
      const mcp = openMcp([${JSON.stringify(server)}], { environment: process.env })
      export default defineAgent({ name: 'clerk', systemPrompt: 'x', tools: mcp.beside([]) })\n`
    await writeFile(join(directory, 'agent.ts'), agent)
    const terminal = openPseudoTerminal(['--agent', './agent.ts'], { environment, directory })
    await terminal.shows('›')
    await terminal.type(`/tools${enter}`, 'tools look')
    await terminal.type(`/quit${enter}`, '')
  })

  it('with wrong JSON end the command before the question', async () => {
    const { environment, directory } = await open(['never'])
    for (const [text, term] of [
      ['{"mcpServers":{"a":{}}}', 'mcpServers.a'],
      ['{"mcpServers":{"a b":{"command":"x"},"a_b":{"command":"x"}}}', '"a b" and "a_b"'],
      ['{"servers":{}}', 'mcpServers'],
      ['{', 'is not JSON'],
    ] as const) {
      const { code, stderr } = await loom(['--mcp', text, 'go'], { environment, directory })
      expect(code).not.toBe(0)
      expect(stderr).toContain(term)
    }
  })
})
