import { afterEach, describe, expect, it } from 'vitest'

import type { Upstream } from '../sessions/upstream.ts'
import { folder, tidy } from './command.ts'
import { closeTerminals, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const run = (command: string) => ({ name: 'bash', input: { command } })

describe.skipIf(lacksTerminal)('a tool at a terminal', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  async function open(answers: readonly (string | ScriptedAnswer)[], columns = 80) {
    const upstream = await openScript(answers)
    upstreams.push(upstream)
    return openPseudoTerminal(['--agent', 'coder', '--yes', 'go'], {
      columns,
      directory: await folder(),
      environment: { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url, LOOM_SANDBOX: 'none' },
    })
  }

  it('names the call of each parallel result', async () => {
    const calls = [run('sleep 0.4; echo slow'), run('echo quick'), run('sleep 0.2; echo middle')]
    const terminal = await open([{ calls }, 'done'])
    await terminal.endsWith(0)
    expect(terminal.text).toMatch(/└ bash echo quick: quick/)
    expect(terminal.text).toMatch(/└ bash sleep 0.2; echo middle: middle/)
    expect(terminal.text).toMatch(/└ bash sleep 0.4; echo slow: slow/)
  })

  it('shows its output dim and its failure red', async () => {
    const terminal = await open([{ calls: [run('echo one; echo two; exit 3')] }, 'done'])
    await terminal.endsWith(0)
    expect(terminal.text).toMatch(/└ one[^\n]*\n +two\n +Command exited/)
    expect(terminal.raw).toContain('\u001b[31mCommand exited with code 3')
    expect(terminal.raw).not.toContain('\u001b[31mone')
    expect(terminal.raw).not.toContain('\u001b[31mtwo')
  })

  it('has a status line that fits the width', async () => {
    for (const columns of [40, 80, 200]) {
      const long = `sleep 0.8; echo ${'x'.repeat(columns)}`
      const terminal = await open([{ calls: [run(long)] }, 'done'], columns)
      await terminal.endsWith(0)
      expect(terminal.raw).toMatch(/bash 0 s[^\n\r]* · Ctrl-C stops/)
      const longest = Math.max(...terminal.text.split('\n').map((line) => line.length))
      expect(longest).toBeLessThanOrEqual(columns)
    }
  })

  it('shows a split emoji as one', async () => {
    const terminal = await open([{ pieces: ['so \ud83d', '\ude00 it', ' ends'] }])
    await terminal.endsWith(0)
    expect(terminal.text).toContain('so 😀 it ends')
  })
})
