/** `loom serve [path…]` with files and folders of the user, as separate processes. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { addressOf, namesAt, post, serverAt, startServer } from './agent-server.ts'
import { folder, loom, tidy } from './command.ts'

afterEach(tidy)

/** Creates a folder with these files. */
async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await folder()
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return directory
}

const agent = (name: string) => `import { defineAgent } from 'loomkit'
export const ${name} = defineAgent({ name: '${name}', systemPrompt: 'You are ${name}.' })
`

const counter = `import { defineTool } from 'loomkit'
import { z } from 'zod'
import { lengthOf } from './_length.ts'
export const count = defineTool({
  name: 'count', description: 'Counts letters.', retry: 'safe',
  inputSchema: z.object({ text: z.string() }),
  execute: ({ text }: { text: string }) => lengthOf(text),
})
`

const speller = {
  'agents/speller.ts': `import { defineAgent } from 'loomkit'
import { count } from '../tools/count.ts'
export default defineAgent({ name: 'speller', systemPrompt: 'You spell.', tools: [count] })
`,
  'tools/count.ts': counter,
  'tools/_length.ts': 'export const lengthOf = (text: string) => text.length\n',
}

const keeper = `import { bash, defineActingAgent, defineAgent } from 'loomkit'
export const keeper = defineActingAgent('keeper', ({ workspace, sandbox, environment }) =>
  defineAgent({
    name: 'keeper',
    systemPrompt: 'You keep the machine.',
    tools: [bash({ workspace: workspace.root, sandbox, environment })],
  }),
)
`

/** A tool with a promise that is rejected and a timer that throws. The tool handles neither. */
const loose = `
import { defineAgent, defineTool } from 'loomkit'
import { z } from 'zod'
void Promise.reject(new Error('rejected while it loads'))
const tool = defineTool({
  name: 'loose', description: 'Leaves a failure.', retry: 'safe',
  inputSchema: z.object({}),
  async execute() {
    void Promise.reject(new Error('rejected later'))
    // The tool returns after both failures.
    await new Promise((resolve) => setTimeout(() => {
      setImmediate(resolve)
      throw new Error('thrown later')
    }))
    return 'answered'
  },
})
export default defineAgent({ name: 'hasty', systemPrompt: 'Hurry.', tools: [tool] })
`

describe('loom serve', () => {
  it('serves each agent of ./agents, with the tools that it imports', async () => {
    const directory = await project({
      ...speller,
      'agents/poet/agent.ts': agent('poet'),
      'agents/poet/rhymes.ts': 'export const rhymes = []\n',
      'agents/_draft.ts': 'throw new Error("a helper is not loaded")\n',
      'agents/.hidden.ts': 'throw new Error("a hidden file is not loaded")\n',
      'agents/speller.test.ts': 'throw new Error("a test is not loaded")\n',
      'agents/types.d.ts': 'export declare const nothing: string\n',
      'agents/notes.md': 'no module\n',
    })
    const url = await serverAt([], { directory })
    expect(await namesAt(url)).toEqual(['poet', 'speller'])
    const text = await post(url, { agent: 'speller', message: 'Use count {"text": "pear"}' })
    expect(text).toMatch(/tool count returned 4|4/)
  })

  it('serves the agents of named files and folders', async () => {
    const directory = await project({
      'one/tutor.ts': agent('tutor'),
      'two/agents/critic.mjs': agent('critic'),
      'three.ts': `${agent('singer')}${agent('dancer').split('\n')[1]}\n`,
      'agents/unused.ts': agent('unused'),
    })
    const url = await serverAt(['./one', 'two', 'three.ts'], { directory })
    expect(await namesAt(url)).toEqual(['tutor', 'critic', 'dancer', 'singer'])
  })

  it('serves its own agents where the folder has none', async () => {
    const url = await serverAt([], { directory: await folder() })
    expect(await namesAt(url)).toEqual(['assistant', 'planner', 'researcher'])
  })

  it('offers an agent that acts on the machine only by name', async () => {
    const directory = await project({
      'agents/keeper.ts': keeper,
      'agents/tutor.ts': agent('tutor'),
    })
    const usual = await serverAt([], { directory })
    expect(await namesAt(usual)).toEqual(['tutor'])
    const environment = { LOOM_AGENTS: 'keeper', LOOM_SANDBOX: 'none' }
    const named = await serverAt([], { directory, environment })
    expect(await namesAt(named)).toEqual(['keeper'])
    const both = await loom(['serve'], { directory, environment: { LOOM_AGENTS: 'tutor,nobody' } })
    expect(both.code).toBe(3)
    expect(both.stderr).toContain('LOOM_AGENTS must only name tutor, keeper; got "nobody"')
  })

  it('has one line for each file that cannot be used', async () => {
    const directory = await project({
      'agents/alias.ts': "import '@/prompts'\n",
      'agents/decorator.ts': 'const log = (one: unknown) => one\n@log\nclass A {}\n',
      'agents/enum.ts': 'enum Color { Red }\nexport const red = Color.Red\n',
      'agents/function.ts': 'export const tutor = () => ({})\n',
      'agents/import.ts': "import './other'\n",
      'agents/json.ts': "import './_data.json'\n",
      'agents/_data.json': '{}',
      'agents/name.ts': 'export default { name: "a b", systemPrompt: "x" }\n',
      'agents/none.ts': 'export const answer = 42\n',
      'agents/syntax.ts': 'export const a = {\n  b: 1\n  c: 2\n}\n',
      'agents/throw.ts': '\nthrow new Error("no luck")\n',
      'agents/tools.ts': "import '../tools/_wrong.mjs'\n",
      'agents/tutor.ts': agent('tutor'),
      'tools/_wrong.mjs': '\nconst a b\n',
    })
    const { code, stdout, stderr } = await loom(['serve'], { directory })
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr.split('\n')).toEqual(
      [
        /^loom: agents\/alias\.ts cannot be loaded: Cannot find package .*"imports" of package\.json\.$/,
        /^loom: agents\/decorator\.ts\S* cannot be loaded: .* no decorators: see line 2\.$/,
        /^loom: agents\/enum\.ts:1 cannot be loaded: .* removing its types/,
        /^loom: agents\/function\.ts exports no agent: its export tutor is a function\. /,
        /^loom: agents\/import\.ts cannot be loaded: Cannot find module .*such as \.ts\.$/,
        /^loom: agents\/json\.ts cannot be loaded: .* with \{ type: 'json' \}\.$/,
        /^loom: agents\/name\.ts: Agent name "a b" must be /,
        /^loom: agents\/none\.ts exports no agent: /,
        /^loom: agents\/syntax\.ts:3 cannot be loaded: /,
        /^loom: agents\/throw\.ts:2 cannot be loaded: no luck$/,
        /^loom: tools\/_wrong\.mjs:2 cannot be loaded: .* \(imported by agents\/tools\.ts\)$/,
        /^$/,
      ].map((line) => expect.stringMatching(line)),
    )
  })

  it('reports a failure that no code handles, and keeps its sessions', async () => {
    const directory = await project({ 'agents/hasty.ts': loose })
    const run = startServer(['serve'], { directory })
    const url = await addressOf(run)
    expect(await post(url, { id: 'kept', message: 'Use loose {}' })).toContain('answered')
    for (const cause of ['rejected while it loads', 'rejected later', 'thrown later']) {
      const line = new RegExp(
        `^loom: internal: [^\\n]*handles[^\\n]*${cause}[^\\n]*hasty\\.ts`,
        'm',
      )
      await expect.poll(() => run.stderr, { timeout: 60_000 }).toMatch(line)
    }
    expect(await post(url, { id: 'kept', message: 'Use loose {}' })).toContain('answered')
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })
  })

  it('names the agent of an unknown model, also of a sub-agent', async () => {
    const directory = await project({
      'agents/lead.ts': `import { agentTool, defineAgent } from 'loomkit'
const below = defineAgent({ name: 'below', systemPrompt: 'x', model: ['demo/fast', 'demo/nope'] })
export const lead = defineAgent({ name: 'lead', systemPrompt: 'x', tools: [agentTool(below)] })
`,
    })
    const { code, stderr } = await loom(['serve'], { directory })
    expect(stderr).toMatch(/^loom: Agent "below": There is no model "demo\/nope"\. [^\n]+\n$/)
    expect(code).toBe(3)
  })

  it('refuses two agents of one name', async () => {
    const directory = await project({
      'agents/one.ts': agent('tutor'),
      'agents/two.ts': agent('tutor'),
    })
    const { code, stderr } = await loom(['serve'], { directory })
    expect(stderr).toMatch(
      /^loom: Two agents are named "tutor": agents\/one\.ts and agents\/two\.ts [^\n]+\n$/,
    )
    expect(code).toBe(3)
  })

  it.each([
    ['./nowhere', 2, /^loom: There is no file or folder \.\/nowhere\.\n$/],
    ['empty', 3, /^loom: empty contains no agent: add a file such as empty\/my-agent\.ts /],
  ])('refuses the path %s', async (path, exitCode, line) => {
    const directory = await folder()
    await mkdir(join(directory, 'empty'))
    const { code, stderr } = await loom(['serve', path], { directory })
    expect(stderr).toMatch(line)
    expect(code).toBe(exitCode)
  })
})

describe('loom chat', () => {
  it('finds agents and tools of the current folder by name', async () => {
    const directory = await project({
      ...speller,
      'tools/letters.ts': counter.replace("'count'", "'letters'"),
    })
    const question = 'Use count {"text": "plum"}'
    const byAgent = await loom(['--agent', 'speller', question], { directory })
    expect(byAgent).toMatchObject({ code: 0, stderr: expect.stringContaining('● count') })
    const tools = await loom(['--tools', 'letters,clock', 'Use letters {"text": "plum"}'], {
      directory,
    })
    expect(tools).toMatchObject({ code: 0, stderr: expect.stringContaining('● letters') })
    const unknown = await loom(['--tools', 'nothing', question], { directory })
    expect(unknown).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/calculator, .*count, letters, bash/),
    })
  })

  it('shows a failure that no code handles, and the answer', async () => {
    const directory = await project({ 'hasty.ts': loose })
    const { code, stdout, stderr } = await loom(['--agent', './hasty.ts', 'Use loose {}'], {
      directory,
    })
    expect(stderr).toMatch(/^loom: A promise was rejected, [^\n]*: rejected later$/m)
    expect(stderr).toMatch(/^loom: An error was thrown, [^\n]*: thrown later$/m)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('answered') })
  })

  it('runs no code of the folder for the names of Loom', async () => {
    const wrong = 'throw new Error("code of the folder ran")\n'
    const directory = await project({ 'agents/coder.ts': wrong, 'tools/clock.ts': wrong })
    const ended = await loom(['--agent', 'assistant', '--tools', 'clock', 'What is 2+2?'], {
      directory,
    })
    expect(ended).toMatchObject({ code: 0 })
  })
})
