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

describe.skipIf(lacksTerminal)('keys that are typed before a question is shown', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  /** The coder, whose model calls for these files when it is let go, and then says "All done." */
  async function open(
    names: readonly string[],
    words: readonly string[],
    options?: TerminalOptions,
  ) {
    const held = { calls: names.map(touch), heldAfter: 0 }
    const upstream = await openScript([held, 'All done.', 'And more.'])
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

  const isHeld = (upstream: Upstream) => until(15_000, 'the model holds', () => upstream.held === 1)

  for (const [what, early] of [
    ['an answer', `y${enter}`],
    ['an answer without Enter', 'y'],
    ['many', `y${enter}`.repeat(20)],
    ['a paste', `${pasted('y\n')}${enter}`],
  ] as const) {
    for (const reportMs of [0, undefined, 1500]) {
      const terminalKind = reportMs === undefined ? 'no reports' : `reports after ${reportMs} ms`
      it(`${what} in a talk do not answer it (${terminalKind})`, async () => {
        const { upstream, terminal, made } = await open(['early'], [], { reportMs })
        await terminal.shows('/help lists')
        await terminal.type(`go${enter}`, 'go')
        await isHeld(upstream)
        terminal.child.stdin?.write(early)
        upstream.letGo()
        await terminal.shows('Allow bash?')
        // What is queued is drawn between the pieces of the answer.
        await terminal.type(`no${enter}`, /All[^]* done\./)
        expect(await made()).toEqual([])
      })
    }
  }

  it('an answer to a single question is not taken either', async () => {
    const { upstream, terminal, made } = await open(['early'], ['go'])
    await isHeld(upstream)
    terminal.child.stdin?.write(`y${enter}`)
    upstream.letGo()
    await terminal.shows('Allow bash?')
    await terminal.type(`no${enter}`, 'All done.')
    await terminal.endsWith(0)
    expect(await made()).toEqual([])
  })

  it('each of several questions repeats its command, and needs an answer of its own', async () => {
    const { upstream, terminal, made } = await open(['first', 'second'], [])
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await isHeld(upstream)
    upstream.letGo()
    await terminal.shows(/\(1 of 2\)\n +touch first\nAllow bash\?/)
    // The second answer comes before its question.
    await terminal.type(`n${enter}y${enter}`, /\(2 of 2\)\n +touch second\nAllow bash\?/)
    await terminal.type(`n${enter}`, 'All done.')
    expect(await made()).toEqual([])
    expect(upstream.calls).toHaveLength(2)
  })

  it('a message that is typed ahead is sent after the answer, not to the question', async () => {
    const { upstream, terminal, made } = await open(['early'], [])
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await isHeld(upstream)
    terminal.child.stdin?.write(`yes, and read the tests${enter}`)
    upstream.letGo()
    await terminal.shows('Allow bash?')
    await terminal.type(`n${enter}`, 'And more.')
    expect(upstream.asked.at(-1)).toBe('yes, and read the tests')
    expect(await made()).toEqual([])
  })

  it('Ctrl-C before the prompt of a question leaves it', async () => {
    const { upstream, terminal } = await open(['early'], [], { reportMs: 3000 })
    await terminal.shows('/help lists')
    await terminal.type(`go${enter}`, 'go')
    await isHeld(upstream)
    upstream.letGo()
    await terminal.shows('touch early')
    await terminal.type(interrupt, '(stopped)')
  })
})
