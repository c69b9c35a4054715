/** The finished work of the command survives a SIGKILL at any moment. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { isToolUIPart, type UIMessage } from 'ai'
import { afterEach, describe, expect, it, vi } from 'vitest'

import { until } from '../redis/until.ts'
import { type Asked, openUpstream, type Reply, type Upstream } from '../sessions/upstream.ts'
import { folder, loom, root, start, tidy } from './command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'

afterEach(tidy)
afterEach(closeTerminals)

vi.setConfig({ testTimeout: 120_000 })

const mine = join(root, 'test/cli/files/agent.ts')

/** A turn with a text and a charge, a text and a slow call, and an end. */
function replyTo(messages: Asked['messages']): Reply {
  const isAgain = JSON.stringify(messages.findLast(({ role }) => role === 'user')).includes('Again')
  const step = isAgain ? 2 : messages.filter(({ role }) => role === 'tool').length
  const text = (content: string) => ({ delta: { content } })
  const call = (name: string, input: object) => ({
    delta: {
      tool_calls: [
        {
          index: 0,
          id: `call-${name}`,
          type: 'function',
          function: { name, arguments: JSON.stringify(input) },
        },
      ],
    },
  })
  const ends = { delta: {}, finish_reason: step < 2 ? 'tool_calls' : 'stop' }
  const texts = [
    [text('I will '), text('charge. '), call('charge', { amount: '7' })],
    [text('Charged. '), text('Now the rest. '), call('slow', { text: 'x' })],
    [text('All is '), text('done.')],
  ][step]
  return { deltas: [...(texts ?? []), ends], heldAt: undefined }
}

const environmentOf = (upstream: Upstream, state: string) => ({
  XDG_STATE_HOME: state,
  STAGE_BASE_URL: upstream.url,
  STAGE_API_KEY: 'key',
  LOOM_MODEL: 'stage/model',
})

async function storedMessages(state: string): Promise<UIMessage[]> {
  const text = await readFile(join(state, 'loom/sessions/s.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return []
  const { messages }: { messages: UIMessage[] } = JSON.parse(text)
  return messages
}

const callsIn = (messages: readonly UIMessage[]) =>
  messages.flatMap(({ parts }) => parts.filter((part) => isToolUIPart(part)))

/** Expects both calls: the first done, the second with an unknown outcome. */
async function expectInterrupted(state: string): Promise<void> {
  const messages = await storedMessages(state)
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
  expect(JSON.stringify(messages[1]?.parts)).toContain('Now the rest. ')
  expect(callsIn(messages)).toMatchObject([
    { type: 'tool-charge', state: 'output-available', output: { text: 'charged 7' } },
    {
      type: 'tool-slow',
      state: 'output-error',
      errorText: expect.stringContaining('outcome unknown'),
    },
  ])
}

/** Expects that the model reads the same. */
function expectTold({ calls }: Upstream): void {
  const prompt = JSON.stringify(calls.at(-1)?.messages)
  expect(prompt).toContain('charged 7')
  expect(prompt).toContain('outcome unknown')
  expect(prompt).not.toContain('still at it')
}

const words = ['--agent', mine, '--yes', '--session', 's']

describe('a command that is killed during a turn', () => {
  it('has stored every step in a pipe', async () => {
    await using upstream = await openUpstream(0, replyTo)
    const state = await folder()
    const environment = environmentOf(upstream, state)
    const run = start([...words, 'Go.'], { environment })
    await until(
      30_000,
      'the second tool runs',
      async () => callsIn(await storedMessages(state)).length === 2,
    )
    await until(10_000, 'its call is shown', () => run.stderr.includes('slow'))
    run.child.kill('SIGKILL')
    await run.ended
    await expectInterrupted(state)
    const { code, stdout, stderr } = await loom(['--agent', mine, '--continue', 'Again?'], {
      environment,
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'All is done.\n' })
    expect(stderr).toMatch(/charge .*: done\n.*slow .*: outcome unknown/)
    expectTold(upstream)
  })

  it.skipIf(lacksTerminal)('has stored every step at a terminal', async () => {
    await using upstream = await openUpstream(0, replyTo)
    const state = await folder()
    const environment = environmentOf(upstream, state)
    const shell = 'echo pid $$ here; exec $LOOM'
    const terminal = openPseudoTerminal(words, { environment, shell })
    await terminal.shows('/help lists the commands')
    await terminal.type(`Go.${keys.enter}`, 'still at it')
    const [, pid] = /pid (\d+) here/.exec(terminal.text) ?? []
    process.kill(Number(pid), 'SIGKILL')
    await terminal.endsWith(137)
    await expectInterrupted(state)
    const again = openPseudoTerminal(['--agent', mine, '--continue'], { environment })
    await again.shows('outcome unknown')
    await again.type(`Again?${keys.enter}`, 'All is done.')
    expectTold(upstream)
    await again.type(keys.end, 'continues this session')
    await again.endsWith(0)
  })

  it('has a complete file at every moment', async () => {
    await using upstream = await openUpstream(10, replyTo)
    for (let kill = 0; kill < 6; kill++) {
      const state = await folder()
      const environment = environmentOf(upstream, state)
      const before = upstream.calls.length
      const run = start([...words, 'Go.'], { environment })
      const callCount = () => upstream.calls.length - before
      await until(30_000, 'the model is called', () => callCount() > 0)
      const killAt = performance.now() + 250 * Math.random()
      await until(5000, 'the random point', () => performance.now() >= killAt)
      run.child.kill('SIGKILL')
      await run.ended
      const stored = await storedMessages(state)
      expect(stored[0]?.parts).toMatchObject([{ type: 'text', text: 'Go.' }])
      const isDone = callCount() > 1
      const [charge] = callsIn(stored)
      if (isDone) expect(charge).toMatchObject({ state: 'output-available' })
      const { code } = await loom(['--agent', mine, '--continue', 'Again?'], { environment })
      expect(code).toBe(0)
      const prompt = JSON.stringify(upstream.calls.at(-1)?.messages)
      if (charge !== undefined) expect(prompt).toMatch(/charged 7|outcome unknown/)
    }
  })
})
