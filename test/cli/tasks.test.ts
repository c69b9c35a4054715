/** Tasks of sub-agents in the command: their questions, their tree and their results. */
import { afterEach, describe, expect, it } from 'vitest'

import { noPaint } from '../../src/cli/render/style.ts'
import { taskLines, taskSum } from '../../src/cli/render/task-lines.ts'
import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { listen } from '../../src/server/listen.ts'
import type { TaskInfo } from '../../src/task.ts'
import { servedApp } from '../served-app.ts'
import { folder, loom, tidy } from './command.ts'
import lead from './files/lead.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'

const { enter, interrupt } = keys
const agent = ['--agent', 'test/cli/files/lead.ts']
const open: (() => Promise<void>)[] = []

afterEach(async () => {
  await closeTerminals()
  await tidy()
  for (const close of open.splice(0)) await close()
})

async function serve(): Promise<string> {
  const app = await servedApp({
    agents: [lead],
    config: readConfig({ LOOM_AGENT: 'lead' }),
    models: createModels({ environment: {} }),
  })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  open.push(() => server.stop(0))
  return server.url
}

describe.skipIf(lacksTerminal)('tasks at a terminal', () => {
  it.each(['this process', 'a server'])('ask there, and are listed: %s', async (place) => {
    const words = place === 'a server' ? ['--url', await serve()] : agent
    const environment = { XDG_STATE_HOME: await folder() }
    // A server asks only for the tools that need an approval there.
    const prompt = place === 'a server' ? 'ask' : 'ask; pay'
    const terminal = openPseudoTerminal(['chat', ...words], { environment, columns: 100 })
    await terminal.shows('/help lists')
    await terminal.type(`${prompt}${enter}`, 'Which?')
    expect(terminal.text).toContain('● checker.human asks')
    if (place === 'a server') await terminal.type(`2${enter}`, 'all done')
    else {
      await terminal.type(`2${enter}`, /pay the whole bill\n[^]*Allow checker.charge\?/)
      await terminal.type(`y${enter}`, 'all done')
    }
    await terminal.type(
      `/tasks${enter}`,
      /└ ✓ researcher \w+ · finished · 30 tokens\n +└ ✓ checker/,
    )
    await terminal.shows(place === 'a server' ? '2 tasks · 60 tokens' : '4 tasks · 120 tokens')
    await terminal.type(`/quit${enter}`, 'continues this session')
    await terminal.endsWith(0)
  })

  it.each(['this process', 'a server'])(
    'are not answered by keys before their questions: %s',
    async (place) => {
      const words = place === 'a server' ? ['--url', await serve()] : agent
      const environment = { XDG_STATE_HOME: await folder() }
      const terminal = openPseudoTerminal(['chat', ...words], { environment, columns: 100 })
      await terminal.shows('/help lists')
      // The keys come with the message, so before every question. They become the next message.
      await terminal.type(`ask${enter}2${enter}`, 'Which?')
      await terminal.type(
        `1${enter}`,
        /checker\.human asks: a[^]*found \["checked 2"\][^]*all done/,
      )
      if (place === 'this process') {
        await terminal.type(`pay${enter}y${enter}`, 'Allow checker.charge?')
        await terminal.type(`n${enter}`, /not allowed[^]*found[^]*all[^]* done/)
        expect(terminal.text).not.toContain('ran pay')
      }
      await terminal.type(`/quit${enter}`, 'continues this session')
      await terminal.endsWith(0)
    },
  )

  it('are a tree while they run, and stop with Ctrl-C', async () => {
    const environment = { XDG_STATE_HOME: await folder() }
    const terminal = openPseudoTerminal(['chat', ...agent], { environment, columns: 100 })
    await terminal.shows('/help lists')
    await terminal.type(
      `wait${enter}`,
      /└ ● researcher wait · running[^]*└ ● checker wait · running/,
    )
    await terminal.type(interrupt, '(stopped)')
    await terminal.type(`/tasks${enter}`, /researcher wait · stopped[^]*checker wait · stopped/)
  })

  it('in the background report when they end, and end with the command', async () => {
    const environment = { XDG_STATE_HOME: await folder() }
    const terminal = openPseudoTerminal(['chat', ...agent], { environment, columns: 100 })
    await terminal.shows('/help lists')
    await terminal.type(`later quick${enter}`, 'noted the result')
    await terminal.type(`later wait${enter}`, 'all done')
    await terminal.type(`/quit${enter}`, '2 tasks end with this command')
    await terminal.endsWith(0)
  })
})

describe('a tool with effects of a sub-agent', () => {
  it('is refused without a human, and runs if it is allowed', async () => {
    const environment = { XDG_STATE_HOME: await folder() }
    const [refused, allowed] = await Promise.all([
      loom([...agent, 'pay'], { environment }),
      loom([...agent, '--allow', 'charge', '-v', 'pay'], { environment }),
    ])
    expect(refused.stderr).toContain('checker.charge was refused: nobody is here to allow it')
    expect(refused.stderr).not.toContain('ran pay')
    expect(allowed.stderr).toContain('ran pay the whole bill')
  })
})

describe('a task in the background of one question', () => {
  it('ends with the command, which says so', async () => {
    const { code, stderr } = await loom([...agent, 'later wait'], {
      environment: { XDG_STATE_HOME: await folder() },
    })
    expect(code).toBe(0)
    expect(stderr).toMatch(/loom: [12] tasks? ends? with this command/)
  })
})

describe('the lines of tasks', () => {
  const task = (id: string, fields: Partial<TaskInfo>): TaskInfo => ({
    id,
    parentId: 'root',
    messageId: 'm',
    toolCallId: 'c',
    toolName: 'worker',
    agent: 'worker',
    depth: 1,
    background: false,
    title: `do ${id}`,
    state: 'finished',
    createdAt: 0,
    ...fields,
  })
  const usage = {
    inputTokens: 9,
    outputTokens: 1,
    totalTokens: 10,
    cachedInputTokens: 0,
    reasoningTokens: 0,
  }
  const tasks = [
    task('a', { state: 'waiting', spent: { usage, cost: { usd: 0.5 } } }),
    task('b', { state: 'failed', error: 'no \u001b[31mluck', background: true }),
    task('c', { parentId: 'a', state: 'queued', title: 'x'.repeat(99), spent: { usage } }),
  ]
  const linesOf = (columns: number) => taskLines(tasks, { columns, paint: noPaint, root: 'root' })

  it('are a tree that fits the width', () => {
    expect(linesOf(64)).toEqual([
      '├ ? worker do a · waits for an answer · 10 tokens · $0.5000',
      expect.stringMatching(/^│ └ ○ worker x+… · queued · 10 tokens$/),
      '└ ✗ worker do b · failed · in the background · no ␛[31mluck',
    ])
    for (const columns of [20, 40, 60])
      for (const line of linesOf(columns)) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('have a sum', () => {
    expect(taskSum(tasks)).toBe('3 tasks · 20 tokens · at least $0.5000')
  })
})
