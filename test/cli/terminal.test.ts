import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openUpstream } from '../sessions/upstream.ts'
import { folder, loom, root, tidy } from './command.ts'
import {
  closeTerminals,
  keys,
  lacksTerminal,
  openPseudoTerminal,
  pasted,
  readable,
} from './pseudo-terminal.ts'

const mine = join(root, 'test/cli/files/agent.ts')
const { enter, interrupt, end, up } = keys

describe.skipIf(lacksTerminal)('at a terminal', () => {
  afterEach(async () => {
    await closeTerminals()
    await tidy()
  })

  async function open(words: readonly string[] = [], environment: Record<string, string> = {}) {
    const state = await folder()
    const terminal = openPseudoTerminal(words, {
      environment: { XDG_STATE_HOME: state, ...environment },
      shell: 'echo pid $$; exec $LOOM',
    })
    return { terminal, state }
  }

  it('loom without a question starts a conversation', async () => {
    const { terminal, state } = await open()
    await terminal.shows('/help lists the commands')
    await terminal.type(`My name is Ada.${enter}`, 'Nice to meet you, Ada.')
    await terminal.type(`Who am I?${enter}`, 'Your name is Ada.')
    const [file = ''] = await readdir(join(state, 'loom/sessions'))
    const id = file.replace('.json', '')
    await terminal.type(end, `loom chat --session ${id} continues this session`)
    await terminal.endsWith(0)
    expect(await readFile(join(state, 'loom/history'), 'utf8')).toBe('My name is Ada.\nWho am I?\n')
    const again = openPseudoTerminal(['--continue'], { environment: { XDG_STATE_HOME: state } })
    await again.shows('Your name is Ada.')
    await again.type(`${up}${up}${enter}`, 'Nice to meet you, Ada.')
    await again.type(`/quit${enter}`, 'continues this session')
    await again.endsWith(0)
  })

  it('Markdown is rendered once within 80 columns', async () => {
    const { terminal } = await open(['Show me markdown and tell me a story'])
    await terminal.endsWith(0)
    const markdown = openPseudoTerminal(['Show me markdown'])
    await markdown.endsWith(0)
    for (const { text } of [terminal, markdown]) {
      const longest = Math.max(...text.split('\n').map((line) => line.length))
      expect(longest).toBeLessThanOrEqual(80)
    }
    expect(terminal.text.split('three doors')).toHaveLength(2)
    expect(markdown.raw).toContain('\u001b[1mbold\u001b[22m')
    expect(markdown.text).toContain('links (https://ai-sdk.dev)')
    expect(markdown.text).toMatch(/tool +does\n─+ +─+\ncalculator +arithmetic\n/)
  })

  it('TERM=dumb and NO_COLOR give plain text', async () => {
    for (const environment of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const terminal = openPseudoTerminal(['Show me markdown'], { environment })
      await terminal.endsWith(0)
      expect(terminal.raw).toContain('**bold**')
      expect(terminal.raw).not.toContain('\u001b[')
    }
  })

  it('tool output moves no cursor and sets no title', async () => {
    const { terminal } = await open(['--agent', mine, 'Use nasty now'])
    await terminal.endsWith(0)
    expect(terminal.raw).toContain('␛]0;stolen title␇')
    expect(terminal.raw).not.toContain('\u001b]0;')
    expect(terminal.raw).not.toContain('\u009b')
  })

  it('a tool with effects accepts yes, no and always', async () => {
    const { terminal } = await open(['--agent', mine])
    await terminal.shows('/help lists')
    await terminal.type(`Use charge 1${enter}`, 'Allow charge?')
    await terminal.type(`y${enter}`, 'says: charged 1')
    await terminal.type(`Use charge 2${enter}`, 'Allow charge?')
    await terminal.type(`far too much${enter}`, 'said no: far too much”.')
    await terminal.type(`Use charge 3${enter}`, 'Allow charge?')
    await terminal.type(`always${enter}`, 'says: charged 3')
    await terminal.type(`Use charge 4${enter}`, 'says: charged 4')
    expect(terminal.text.match(/Allow charge\?/g)).toHaveLength(3)
  })

  it('a number or words answer a question', async () => {
    const { terminal } = await open(['--agent', mine])
    await terminal.shows('/help lists')
    await terminal.type(
      `Ask me which colour I like: red or blue${enter}`,
      /1\. red\n +2\. blue\nanswer/,
    )
    await terminal.type(`2${enter}`, 'You answered blue')
    await terminal.type(`Ask me which colour I like: red or blue${enter}`, 'answer ›')
    await terminal.type(`neither${enter}`, 'You answered neither')
  })

  it('Ctrl-C leaves a question open', async () => {
    const { terminal, state } = await open(['--agent', mine])
    await terminal.shows('/help lists')
    await terminal.type(`Use charge 1${enter}`, 'Allow charge?')
    await terminal.type(interrupt, '(stopped)')
    // A session with an open question can continue.
    const environment = { XDG_STATE_HOME: state }
    const waiting = await loom(['sessions'], { environment })
    expect(waiting.stdout).toContain('Use charge 1')
    await terminal.type(`My name is Ada.${enter}`, 'Nice to meet you')
    await terminal.type(end, 'continues this session')
    await terminal.endsWith(0)
    const { stdout, code } = await loom(['--continue', 'Who am I?'], { environment })
    expect({ stdout, code }).toEqual({ stdout: 'Your name is Ada.\n', code: 0 })
  })

  it('SIGTERM ends a question too', async () => {
    const { terminal } = await open(['--agent', mine, 'Use charge 1'], {})
    await terminal.shows('Allow charge?')
    const [, pid = ''] = /pid (\d+)/.exec(terminal.text) ?? []
    process.kill(Number(pid), 'SIGTERM')
    await terminal.endsWith(143)
    // The terminal is in its normal mode again, without bracketed paste.
    expect(terminal.raw).toContain('\u001b[?2004l')
  })

  it('a question is asked although stdin is a pipe', async () => {
    const terminal = openPseudoTerminal(['--agent', mine], {
      shell: 'echo "Use charge 5" | $LOOM | cat',
    })
    await terminal.shows('Allow charge?')
    await terminal.type(`y${enter}`, 'says: charged 5')
    await terminal.endsWith(0)
  })

  it('a change is shown as a diff', async () => {
    const { terminal } = await open(['--agent', mine, 'Use patch a.ts'])
    await terminal.endsWith(0)
    expect(terminal.raw).toContain('\u001b[31m-old\u001b[39m')
    expect(terminal.raw).toContain('\u001b[32m+new\u001b[39m')
  })

  it('a slow tool shows its time and its output', async () => {
    const { terminal } = await open(['--agent', mine, 'Use slow for it'])
    await until(15_000, 'a second has passed', () => /slow 1 s · still at it/.test(terminal.raw))
    terminal.child.stdin?.write(interrupt)
    await terminal.endsWith(130)
    // The output of the tool stays. The status line does not.
    expect(readable(terminal.raw)).not.toContain('slow 1 s')
  })

  it('Ctrl-C stops, clears the line, and twice quits', async () => {
    await using upstream = await openUpstream(0)
    const { terminal } = await open([], { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url })
    await terminal.shows('/help lists')
    await terminal.type(`steps: 1 hold${enter}`, 'Step 1: one')
    await until(10_000, 'the model holds', () => upstream.held === 1)
    await terminal.type(interrupt, '(stopped)')
    await until(10_000, 'the call is aborted', () => upstream.aborted === 1)
    upstream.letGo()
    await terminal.type('half a line', 'half a line')
    // The next Ctrl-C belongs to the prompt, so the turn must have ended.
    await terminal.type(`${interrupt}steps: 1${enter}`, /Step 1: one two three\.\s+› $/)
    expect(upstream.calls.at(-1)?.asked).toBe('steps: 1')
    await terminal.type(interrupt, 'Ctrl-C again to quit')
    terminal.child.stdin?.write(interrupt)
    await terminal.endsWith(0)
  })

  it('text typed during an answer is the next line', async () => {
    await using upstream = await openUpstream(0)
    const { terminal } = await open([], { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url })
    await terminal.shows('/help lists')
    await terminal.type(`steps: 1 hold${enter}`, 'Step 1: one')
    await until(10_000, 'the model holds', () => upstream.held === 1)
    terminal.child.stdin?.write(`steps: 1 ahead${enter}`)
    upstream.letGo()
    await until(10_000, 'the next question', () => upstream.calls.length === 2)
    expect(upstream.calls[1]?.asked).toBe('steps: 1 ahead')
  })

  it('pasted lines and continued lines are one message', async () => {
    const { terminal } = await open([], { LOOM_MODEL: 'demo/echo' })
    await terminal.shows('/help lists')
    await terminal.type(`Mind ${pasted('one\r\ntwo\nthree\n')}`, 'Mind [pasted #1: 3 lines]')
    await terminal.type(` all${enter}`, /Mind one two three all/)
    await terminal.type(`${pasted('one line')}${enter}`, /one line\n.*one line/s)
    await terminal.type(`Never ${pasted('one\ntwo')}`, 'lines]')
    await terminal.type('\u007f', /Never $/)
    await terminal.type(`mind${enter}`, /mind\n.*Never mind/s)
    await terminal.type(`first\\${enter}`, '…')
    await terminal.type(`second${enter}`, /first second/)
  })

  it('commands show settings and change them', async () => {
    const { terminal, state } = await open()
    await terminal.shows('/help lists')
    await terminal.type(`/help${enter}`, '/sessions [number]')
    await terminal.type(`/model${enter}`, 'model demo/fast')
    await terminal.type(`/model nobody/x${enter}`, 'loom: ')
    await terminal.type(`/model demo/echo${enter}`, 'model demo/echo')
    await terminal.type(`say this${enter}`, /say this\n.*say this/s)
    await terminal.type(`/model demo/fast${enter}`, 'model demo/fast')
    await terminal.type(`/tools${enter}`, 'tools calculator, clock, researcher')
    await terminal.type(`/tools clock${enter}`, 'tools clock')
    await terminal.type(`What is 6 * 7?${enter}`, 'my tools here: clock')
    await terminal.type(`/tools own${enter}`, 'tools calculator, clock, researcher')
    await terminal.type(`What is 6 * 7?${enter}`, '6 × 7 = 42')
    await terminal.type(`/cost${enter}`, '3 answers in this talk: ')
    await terminal.type(`/clear${enter}`, /session [0-9a-f-]{36}/)
    await terminal.type(`What did I say?${enter}`, 'This is your first message.')
    await terminal.type(`/sessions${enter}`, / 2 {2}\S+ \S+ {2}\S+ {2}say this/)
    await terminal.type(`/sessions 2${enter}`, 'messages before)')
    await terminal.type(`/cots${enter}`, 'Did you mean /cost?')
    await terminal.type(`//help${enter}`, /loom's demo model|no rule|\/help/i)
    const files = await readdir(join(state, 'loom/sessions'))
    // An incomplete file has another name.
    expect(files.filter((name) => name.endsWith('.json')).length).toBe(2)
  })

  it('a bad model is reported before the prompt', async () => {
    const { terminal } = await open(['-i', '-m', 'openai/gpt-5'])
    await terminal.endsWith(3)
    expect(terminal.text).toMatch(/^pid \d+\nloom: .*OPENAI_API_KEY.*\n$/)
  })
})
