/** `loom dev`: the agents follow their files, and the conversations go on. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { freePort } from '../redis/free-port.ts'
import { addressOf, namesAt, post, startServer } from './agent-server.ts'
import { folder, type Run, tidy } from './command.ts'

afterEach(tidy)

const patience = { timeout: 60_000 }

async function write(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
}

/** The text of a file with an agent. */
const agent = (
  name: string,
  description = `'${name}'`,
  more = '',
) => `import { defineAgent } from 'loomkit'
${more}export default defineAgent({ name: '${name}', description: ${description}, systemPrompt: 'Talk.' })
`

interface Dev {
  run: Run
  url: string
  directory: string
}

async function dev(
  files: Readonly<Record<string, string>>,
  environment: Record<string, string> = {},
): Promise<Dev> {
  const directory = await folder()
  await write(directory, files)
  const run = startServer(['dev'], { directory, environment })
  return { run, directory, url: await addressOf(run) }
}

async function descriptionsAt(url: string): Promise<Record<string, string>> {
  const listed: unknown = await (await fetch(`${url}/api/agents`)).json()
  const { agents = [] }: { agents?: { name: string; description: string }[] } = Object(listed)
  return Object.fromEntries(agents.map(({ name, description }) => [name, description]))
}

describe('loom dev', () => {
  it('follows changes, imports, new files and removed files', async () => {
    const { run, url, directory } = await dev({
      'agents/tutor.ts': agent('tutor', 'word', "import { word } from '../words/_word.ts'\n"),
      'agents/critic.ts': agent('critic'),
      'words/_word.ts':
        "import { base } from './_base.js'\nexport const word: string = base + '!'\n",
      'words/_base.js': "export const base = 'one'\n",
    })
    const shown = () => descriptionsAt(url)
    const sees = (agents: Record<string, string>) => expect.poll(shown, patience).toEqual(agents)
    await sees({ tutor: 'one!', critic: 'critic' })
    await write(directory, { 'words/_base.js': "export const base = 'two'\n" })
    await sees({ tutor: 'two!', critic: 'critic' })
    expect(run.stderr).toContain('loom: reloaded: tutor changed\n')
    await write(directory, { 'agents/critic.ts': agent('critic', "'stern'") })
    await sees({ tutor: 'two!', critic: 'stern' })
    await write(directory, { 'agents/poet/agent.ts': agent('poet') })
    await sees({ tutor: 'two!', critic: 'stern', poet: 'poet' })
    // As editors do that write a new file first.
    await write(directory, { 'agents/.critic.ts.tmp': agent('critic', "'mild'") })
    await rename(join(directory, 'agents/.critic.ts.tmp'), join(directory, 'agents/critic.ts'))
    await sees({ tutor: 'two!', critic: 'mild', poet: 'poet' })
    await rm(join(directory, 'agents/tutor.ts'))
    await sees({ critic: 'mild', poet: 'poet' })
    await rm(join(directory, 'agents'), { recursive: true })
    await expect.poll(() => namesAt(url), patience).toEqual(['assistant', 'planner', 'researcher'])
    await write(directory, { 'agents/late.ts': agent('late') })
    await sees({ late: 'late' })
  })

  it('keeps the agents of a faulty file until it is mended', async () => {
    const { run, url, directory } = await dev({
      'agents/tutor.ts': agent('tutor', "'first'"),
      'agents/critic.ts': agent('critic', "'first'"),
    })
    await write(directory, { 'agents/tutor.ts': 'export const a = {\n  b: 1\n  c: 2\n}\n' })
    const line = /^loom: agents\/tutor\.ts:3 cannot be loaded: [^\n]+$/m
    await expect.poll(() => run.stderr, patience).toMatch(line)
    // The other files still follow their changes.
    await write(directory, { 'agents/critic.ts': agent('critic', "'second'") })
    await expect
      .poll(() => descriptionsAt(url), patience)
      .toEqual({ tutor: 'first', critic: 'second' })
    await write(directory, { 'agents/twin.ts': agent('critic') })
    await expect
      .poll(() => run.stderr, patience)
      .toMatch(/Two agents are named "critic": .*twin\.ts/)
    expect(await descriptionsAt(url)).toEqual({ tutor: 'first', critic: 'second' })
    await rm(join(directory, 'agents/twin.ts'))
    await write(directory, { 'agents/tutor.ts': agent('tutor', "'mended'") })
    await expect
      .poll(() => descriptionsAt(url), patience)
      .toEqual({ tutor: 'mended', critic: 'second' })
  })

  it('keeps conversations, and a running answer ends with the agent that began it', async () => {
    const tool = (word: string) => `import { defineTool } from 'loomkit'
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
export const wait = defineTool({
  name: 'wait', description: 'Waits.', inputSchema: { type: 'object', properties: {} } as never, retry: 'safe',
  async execute() {
    writeFileSync('begun', '')
    while (!existsSync('go')) await setTimeout(20)
    return '${word}'
  },
})
`
    const { run, url, directory } = await dev({
      'agents/tutor.ts': `import { wait } from '../tools/wait.ts'
export default { name: 'tutor', systemPrompt: 'Talk.', tools: [wait] }
`,
      'tools/wait.ts': tool('old'),
    })
    const id = 'a-conversation'
    await post(url, { id, message: 'My name is Ada.' })
    const running = post(url, { id, message: 'Use wait {}' })
    await expect.poll(() => existsSync(join(directory, 'begun')), patience).toBe(true)
    await write(directory, { 'tools/wait.ts': tool('new') })
    await expect.poll(() => run.stderr, patience).toContain('reloaded: tutor changed')
    await writeFile(join(directory, 'go'), '')
    expect(await running).toContain('old')
    expect(await post(url, { id, message: 'Use wait {}' })).toContain('new')
    expect(await post(url, { id, message: 'Who am I?' })).toContain('Ada')
    await write(directory, { 'agents/other.ts': agent('other') })
    await rm(join(directory, 'agents/tutor.ts'))
    await expect.poll(() => namesAt(url), patience).toEqual(['other'])
    const refused = await fetch(`${url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ id, message: 'Are you there?' }),
    })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.text()).toContain('agent')
    await write(directory, {
      'agents/tutor.ts': agent('tutor'),
    })
    await expect.poll(() => namesAt(url), patience).toEqual(['other', 'tutor'])
    expect(await post(url, { id, message: 'Who am I?' })).toContain('Ada')
  })

  it('keeps conversations with files over reloads, faulty files and a kill', async () => {
    const tutor = `import { defineTool } from 'loomkit'
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
const wait = defineTool({
  name: 'wait', description: 'Waits.', inputSchema: { type: 'object', properties: {} } as never, retry: 'safe',
  async execute() {
    writeFileSync('begun', '')
    while (!existsSync('go')) await setTimeout(20)
    return 'waited'
  },
})
export default { name: 'tutor', systemPrompt: 'Talk.', tools: [wait] }
`
    const environment = { PORT: String(await freePort()), LOOM_DATA: await folder() }
    const { run, url, directory } = await dev({ 'agents/tutor.ts': tutor }, environment)
    const [begun, go] = [join(directory, 'begun'), join(directory, 'go')]
    const id = 'with-files'
    const picture = {
      type: 'file',
      mediaType: 'image/png',
      url: 'data:image/png;base64,iVBORw0KGgo=',
      filename: 'dot.png',
    }
    const asked = { role: 'user', parts: [picture, { type: 'text', text: 'Use wait {}' }] }
    const running = post(url, { id, message: { id: 'u1', ...asked } })
    await expect.poll(() => existsSync(begun), patience).toBe(true)
    await write(directory, { 'agents/other.ts': agent('other') })
    await expect.poll(() => namesAt(url), patience).toEqual(['other', 'tutor'])
    await write(directory, { 'agents/tutor.ts': `${tutor}\nexport const = 1\n` })
    const line = /^loom: agents\/tutor\.ts:\d+ cannot be loaded: [^\n]+$/m
    await expect.poll(() => run.stderr, patience).toMatch(line)
    expect(run.stderr.split('\n').filter((text) => text.includes('cannot be loaded'))).toHaveLength(
      1,
    )
    expect(await namesAt(url)).toEqual(['other', 'tutor'])
    await writeFile(go, '')
    expect(await running).toContain('waited')

    await Promise.all([rm(go), rm(begun)])
    const cut = post(url, { id, message: { id: 'u2', ...asked } }).catch(() => 'cut')
    await expect.poll(() => existsSync(begun), patience).toBe(true)
    run.child.kill('SIGKILL')
    await Promise.all([run.ended, cut])
    await write(directory, { 'agents/tutor.ts': tutor, go: '' })
    const next = startServer(['dev'], { directory, environment })
    expect(await addressOf(next)).toBe(url)
    const history = async () => {
      const told: unknown = await (await fetch(`${url}/api/chat/${id}/messages`)).json()
      return told
    }
    const user = (messageId: string) => expect.objectContaining({ id: messageId, ...asked })
    const answer = expect.objectContaining({
      role: 'assistant',
      parts: expect.arrayContaining([expect.objectContaining({ output: 'waited' })]),
    })
    await expect.poll(history, patience).toEqual([user('u1'), answer, user('u2'), answer])
    expect(await post(url, { id, message: 'My name is Ada.' })).not.toBe('')
  })

  it('follows a folder that is a link, also to another folder', async () => {
    const directory = await folder()
    await write(directory, { 'one/tutor.ts': agent('tutor'), 'two/poet.ts': agent('poet') })
    await symlink('one', join(directory, 'agents'))
    const url = await addressOf(startServer(['dev'], { directory }))
    expect(await namesAt(url)).toEqual(['tutor'])
    await symlink('two', join(directory, 'new'))
    await rename(join(directory, 'new'), join(directory, 'agents'))
    await expect.poll(() => namesAt(url), patience).toEqual(['poet'])
  })

  it('offers agents that act on the machine only by name', async () => {
    const acting = (
      name: string,
      description: string,
    ) => `import { defineActingAgent, defineAgent } from 'loomkit'
export const ${name} = defineActingAgent('${name}', ({ workspace }) =>
  defineAgent({ name: '${name}', description: '${description}', systemPrompt: workspace.root }))
`
    const { run, url, directory } = await dev(
      { 'agents/keeper.ts': acting('keeper', 'first'), 'agents/tutor.ts': agent('tutor') },
      { LOOM_AGENTS: 'keeper,tutor', LOOM_SANDBOX: 'none' },
    )
    await write(directory, {
      'agents/keeper.ts': acting('keeper', 'second'),
      'agents/other.ts': acting('other', 'not named'),
    })
    await expect
      .poll(() => descriptionsAt(url), patience)
      .toEqual({ keeper: 'second', tutor: 'tutor' })
    await rm(join(directory, 'agents/tutor.ts'))
    await expect.poll(() => namesAt(url), patience).toEqual(['keeper'])
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })
  })

  it('serves the other files while one awaits at its top level', async () => {
    const { run, url, directory } = await dev({
      'agents/critic.ts': agent('critic', "'first'"),
      'agents/endless.ts': `await new Promise(() => {})\n${agent('endless')}`,
      'agents/slow.ts': agent('slow', "'first'"),
    })
    const sees = (agents: Record<string, string>) =>
      expect.poll(() => descriptionsAt(url), { timeout: 20_000 }).toEqual(agents)
    await sees({ critic: 'first', slow: 'first' })
    expect(run.stderr).toMatch(/agents\/endless\.ts has not loaded after 2 s: it awaits something/)
    await write(directory, { 'agents/critic.ts': agent('critic', "'second'") })
    await sees({ critic: 'second', slow: 'first' })
    // It is served when it has loaded.
    await write(directory, {
      'agents/slow.ts': `while (!existsSync('go')) await delay(50)\n${agent('slow', "'second'", "import { existsSync } from 'node:fs'\nimport { setTimeout as delay } from 'node:timers/promises'\n")}`,
    })
    await expect.poll(() => run.stderr, patience).toContain('agents/slow.ts has not loaded')
    expect(await descriptionsAt(url)).toEqual({ critic: 'second', slow: 'first' })
    await write(directory, { go: '' })
    await sees({ critic: 'second', slow: 'second' })
    await write(directory, { 'agents/endless.ts': agent('endless') })
    await sees({ critic: 'second', slow: 'second', endless: 'endless' })
    expect(run.stderr.match(/has not loaded/g)).toHaveLength(2)
  })

  it('reads settings from .env, after those of the environment', async () => {
    const described = agent('tutor', '`${process.env.LESSON} ${process.env.LOOM_MODEL}`')
    const files = {
      'agents/tutor.ts': described,
      '.env': '# Settings\nLOOM_MODEL=demo/echo\nLESSON="one two"\nLOOM_AGENT=tutor\n',
    }
    const { run, url } = await dev(files, { LOOM_MODEL: 'demo/assistant' })
    expect(await descriptionsAt(url)).toEqual({ tutor: 'one two demo/assistant' })
    expect(run.stderr).toBe('loom: .env sets LESSON, LOOM_AGENT\n')
    const directory = await folder()
    await write(directory, { ...files, 'settings/a.env': 'LESSON=three\n' })
    const words = ['serve', '--env-file', 'settings/a.env']
    const served = startServer(words, { directory })
    expect(await descriptionsAt(await addressOf(served))).toEqual({ tutor: 'three demo/fast' })
    const missing = startServer(['serve', '--env-file', 'none'], { directory })
    expect((await missing.ended).code).not.toBe(0)
    // Node.js looks for a file of this option itself, before the command runs. An artefact does not.
    expect(missing.stderr).toMatch(/none: not found|^loom: none cannot be read: ENOENT/)
    await write(directory, { '.env': 'LOOM_MODLE=demo/echo\n' })
    const wrong = startServer(['dev'], { directory })
    expect(await wrong.ended).toMatchObject({ code: 3 })
    expect(wrong.stderr).toContain('Did you mean "LOOM_MODEL"?')
  })

  it('waits for the first agent that can be loaded', async () => {
    const directory = await folder()
    await write(directory, { 'agents/tutor.ts': 'export const a = (\n' })
    const run = startServer(['dev'], { directory })
    await expect.poll(() => run.stderr, patience).toContain('waiting for a change')
    await write(directory, { 'agents/tutor.ts': agent('tutor') })
    expect(await namesAt(await addressOf(run))).toEqual(['tutor'])
    const wrong = startServer(['dev'], { directory, environment: { LOOM_AGENTS: 'nobody' } })
    expect(await wrong.ended).toMatchObject({ code: 3 })
  })
})
