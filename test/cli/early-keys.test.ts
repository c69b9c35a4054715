import { readdir } from 'node:fs/promises'

import { afterEach, describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import type { Upstream } from '../sessions/upstream.ts'
import { folder, tidy } from './command.ts'
import {
  closeTerminals,
  keys,
  lacksTerminal,
  openPseudoTerminal,
  pasted,
  type TerminalOptions,
} from './pseudo-terminal.ts'
import { openScript } from './scripted-upstream.ts'

const { enter, interrupt } = keys
const touch = (name: string) => ({ name: 'bash', input: { command: `touch ${name}` } })

describe.skipIf(lacksTerminal)('keys before a question', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  /** The agent coder. When released, its model creates these files and then answers "All done." */
  async function open(
    names: readonly string[],
    words: readonly string[],
    options?: TerminalOptions,
  ) {
    const pausedAnswer = { calls: names.map(touch), heldAfter: 0 }
    const upstream = await openScript([pausedAnswer, 'All done.', 'And more.'])
    upstreams.push(upstream)
    const directory = await folder()
    const environment = {
      XDG_STATE_HOME: await folder(),
      LOOM_MODEL: 'up/x',
      UP_BASE_URL: upstream.url,
      LOOM_SANDBOX: 'none',
    }
    const all = ['--agent', 'coder', ...words]
    const terminal = openPseudoTerminal(all, { ...options, directory, environment })
    return { upstream, terminal, made: () => readdir(directory) }
  }

  const modelWaits = (upstream: Upstream) =>
    until(15_000, 'the model holds', () => upstream.held === 1)

  for (const [what, early] of [
    ['an answer', `y${enter}`],
    ['an answer without Enter', 'y'],
    ['many', `y${enter}`.repeat(20)],
    ['a paste', `${pasted('y\n')}${enter}`],
  ] as const) {
    for (const reportMs of [0, undefined, 1500]) {
      const terminalKind = reportMs === undefined ? 'no reports' : `reports after ${reportMs} ms`
      it(`are not used: ${what} (${terminalKind})`, async () => {
        const { upstream, terminal, made } = await open(['early'], [], { reportMs })
        await terminal.shows('/help lists')
        await terminal.type(`go${enter}`, 'go')
        await modelWaits(upstream)
        terminal.child.stdin?.write(early)
        upstream.letGo()
        await terminal.shows('Allow bash?')
        // The queue is drawn between the pieces of the answer.
        await terminal.type(`no${enter}`, /All[^]* done\./)
        expect(await made()).toEqual([])
      })
    }
  }

  it('do not answer it outside a conversation', async () => {
    const { upstream, terminal, made } = await open(['early'], ['go'])
    await modelWaits(upstream)
    terminal.child.stdin?.write(`y${enter}`)
    upstream.letGo()
    await terminal.shows('Allow bash?')
    await terminal.type(`no${enter}`, 'All done.')
    await terminal.endsWith(0)
    expect(await made()).toEqual([])
  })

  it('answer none of several questions, and each shows its command', async () => {
    const { upstream, terminal, made } = await open(['first', 'second'], [])
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await modelWaits(upstream)
    upstream.letGo()
    await terminal.shows(/\(1 of 2\)\n +touch first\nAllow bash\?/)
    // The second answer arrives before its question.
    await terminal.type(`n${enter}y${enter}`, /\(2 of 2\)\n +touch second\nAllow bash\?/)
    await terminal.type(`n${enter}`, 'All done.')
    expect(await made()).toEqual([])
    expect(upstream.calls).toHaveLength(2)
  })

  it('become a message after the answer', async () => {
    const { upstream, terminal, made } = await open(['early'], [])
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await modelWaits(upstream)
    terminal.child.stdin?.write(`yes, and read the tests${enter}`)
    upstream.letGo()
    await terminal.shows('Allow bash?')
    await terminal.type(`n${enter}`, 'And more.')
    expect(upstream.asked.at(-1)).toBe('yes, and read the tests')
    expect(await made()).toEqual([])
  })

  it('leave the question if they are Ctrl-C', async () => {
    const { upstream, terminal } = await open(['early'], [], { reportMs: 3000 })
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await modelWaits(upstream)
    upstream.letGo()
    await terminal.shows('touch early')
    await terminal.type(interrupt, '(stopped)')
  })
})
