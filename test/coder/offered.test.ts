/** The settings that offer an agent with access to the machine, and its confinement, in a real process. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { coder } from '../../agents/coder/coder.ts'
import { openSandbox } from '../../src/machine/sandbox.ts'
import { Workspace } from '../../src/machine/workspace.ts'
import type { NamedTool } from '../../src/tool.ts'
import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { confinements, pathWithBubblewrap } from '../tools/sandboxes.ts'

let workspace: string
beforeAll(async () => {
  workspace = await realpath(await mkdtemp(join(tmpdir(), 'loom-offered-')))
})
afterAll(() => rm(workspace, { recursive: true, force: true }))
afterEach(endProcesses)

/** A `PATH` without bubblewrap and unshare. */
const bare = { PATH: '/nowhere' }

const namesAt = async (url: string): Promise<string[]> => {
  const listed = await (await fetch(`${url}/api/agents`)).json()
  const { agents = [] }: { agents?: { name: string }[] } = Object(listed)
  return agents.map(({ name }) => name)
}

/** Returns the tools that an agent's model receives. */
async function toolsAt(url: string, agent: string): Promise<string[]> {
  const id = randomUUID()
  const headers = { accept: 'application/json' }
  const body = JSON.stringify({ id, agent, message: 'Hi' })
  await (await fetch(`${url}/api/chat`, { method: 'POST', headers, body })).text()
  const prompt = await (await fetch(`${url}/api/chat/${id}/prompt`)).json()
  const { tools = [] }: { tools?: { name: string }[] } = Object(prompt)
  return tools.map(({ name }) => name)
}

const acting = ['bash', 'write_file', 'edit_file']

describe('a server', () => {
  it('offers no agent for the machine by default', async () => {
    const loom = startLoom({ LOOM_MODEL: 'demo/fast' })
    const url = await addressOf(loom)
    const names = await namesAt(url)
    expect(names).toEqual(['assistant', 'planner', 'researcher'])
    for (const name of names) {
      const tools = await toolsAt(url, name)
      expect(tools).toContain(name === 'planner' ? 'researcher' : 'calculator')
      expect(tools.filter((tool) => acting.includes(tool))).toEqual([])
    }
    const refused = await fetch(`${url}/api/agents/coder/chat`, { method: 'POST', body: '{}' })
    expect(refused.ok).toBe(false)
    expect(loom.output().stdout).not.toContain(process.cwd())
  })

  it('offers the agents of its settings, the first by default', async () => {
    const loom = startLoom({
      LOOM_MODEL: 'demo/fast',
      LOOM_AGENTS: 'coder,researcher',
      LOOM_WORKSPACE: workspace,
      PATH: pathWithBubblewrap,
    })
    const url = await addressOf(loom)
    expect((await namesAt(url)).toSorted()).toEqual(['coder', 'researcher'])
    const seven = ['bash', 'edit_file', 'glob', 'grep', 'human', 'read_file', 'write_file']
    expect((await toolsAt(url, 'coder')).toSorted()).toEqual(seven)
    const { stdout } = loom.output()
    expect(stdout).toMatch(/agent {2}coder \(and researcher\)/)
    expect(stdout).toContain(`works  in ${workspace}, commands `)
    if (confinements.includes('bwrap')) expect(stdout).toContain('confined to it\n')
  })

  it('reports unconfined commands at the start', async () => {
    const loom = startLoom({ LOOM_AGENTS: 'coder', LOOM_WORKSPACE: workspace, ...bare })
    await addressOf(loom)
    expect(loom.output().stderr).toMatch(
      /^loom: bash is not confined: .*LOOM_SANDBOX=required.*\n$/,
    )
    expect(loom.output().stdout).toContain('commands not confined\n')
  })

  const others = { HOST: '0.0.0.0', LOOM_API_KEYS: 'a-long-secret', LOOM_AGENTS: 'coder' }

  it('lets other users run unconfined commands only by setting', async () => {
    const loom = startLoom({ ...others, ...bare, LOOM_SANDBOX: 'none', LOOM_WORKSPACE: workspace })
    await addressOf(loom)
    expect(loom.output().stderr).toBe('')
  })

  const refused: Record<string, [variables: Record<string, string>, line: RegExp]> = {
    'an unknown agent': [
      { LOOM_AGENTS: 'coder,nobody' },
      /^loom: LOOM_AGENTS must only name assistant, planner, researcher, coder; got "nobody"\n$/,
    ],
    'an agent that is not offered': [
      { LOOM_AGENT: 'coder' },
      /^loom: LOOM_AGENT coder is not offered here: set LOOM_AGENTS=assistant,planner,researcher,coder\n$/,
    ],
    'commands that must be confined and cannot be': [
      { LOOM_AGENTS: 'coder', LOOM_SANDBOX: 'required', ...bare },
      /^loom: LOOM_SANDBOX=required, but bubblewrap does not work here \(it is not installed\)/,
    ],
    'commands of others that cannot be confined': [
      { ...others, ...bare },
      /^loom: HOST 0\.0\.0\.0 lets others run commands here: .*LOOM_SANDBOX=none.*\n$/,
    ],
  }
  it.each(Object.entries(refused))('does not start with %s', async (_name, [variables, line]) => {
    const loom = startLoom(variables)
    expect(await loom.exited).toBe(3)
    expect(loom.output().stderr).toMatch(line)
    expect(loom.output().stdout).toBe('')
  })
})

describe('the coder', () => {
  const approved = async (more: { needsApproval?: boolean }): Promise<string[]> => {
    const environment = { PATH: process.env['PATH'] }
    const sandbox = openSandbox({ environment, mode: 'none' })
    const agent = coder({
      workspace: await Workspace.open(workspace),
      sandbox,
      environment,
      ...more,
    })
    const isNamed = (tool: unknown): tool is NamedTool =>
      typeof tool === 'object' && tool !== null && 'name' in tool
    const tools = Array.isArray(agent.tools) ? agent.tools.filter(isNamed) : []
    expect(tools).toHaveLength(7)
    return tools.filter((tool) => tool.needsApproval === true).map(({ name }) => name)
  }

  it('asks before each command and change by default', async () => {
    expect(await approved({})).toEqual(acting)
    expect(await approved({ needsApproval: false })).toEqual([])
  })
})
