import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { typeAhead } from '../../src/cli/repl/type-ahead.ts'
import { until } from '../redis/until.ts'
import type { Upstream } from '../sessions/upstream.ts'
import { folder, tidy } from './command.ts'
import {
  closeTerminals,
  keys,
  lacksTerminal,
  openPseudoTerminal,
  pasted,
} from './pseudo-terminal.ts'
import { screenText } from './screen-text.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const { enter, interrupt } = keys

describe('text typed ahead', () => {
  it('becomes queued lines and the current line', () => {
    expect(typeAhead(`one${enter}two\u007fx${enter}${enter}half`)).toEqual({
      queued: ['one', 'twx'],
      text: 'half',
    })
    expect(typeAhead(`gone\u0015a ${pasted('b\nc')} d\u001b[D`)).toEqual({
      queued: [],
      text: 'a b⏎c d',
    })
  })
})

describe.skipIf(lacksTerminal)('a conversation', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  async function open(
    answers: readonly (string | ScriptedAnswer)[],
    { columns = 80, paceMs = 0, EDITOR = 'false' } = {},
  ) {
    const upstream = await openScript(answers, paceMs)
    upstreams.push(upstream)
    const directory = await folder()
    const environment = {
      XDG_STATE_HOME: await folder(),
      LOOM_MODEL: 'up/x',
      UP_BASE_URL: upstream.url,
      EDITOR,
    }
    const terminal = openPseudoTerminal([], {
      environment,
      directory,
      columns,
      // A shell in between would end at a Ctrl-C for the command.
      shell: 'exec $LOOM',
    })
    await terminal.shows('/help lists')
    const screen = () => screenText(terminal.raw, columns).join('\n')
    return { upstream, terminal, screen, directory }
  }

  it.each([40, 80, 200])('at %i columns shows typed text during an answer', async (columns) => {
    const pieces = Array.from({ length: 40 }, (_, index) => `word${index} `)
    const { upstream, terminal, screen } = await open([{ pieces }, 'second'], {
      columns,
      paceMs: 60,
    })
    await terminal.type(`go${enter}`, 'word3')
    terminal.child.stdin?.write(`and then${enter}half a l`)
    await until(10_000, 'it is shown', () => /\nqueued › and then\n› half a l/.test(screen()))
    expect(screen()).toMatch(/answering[^\n]*Ctrl-C stops/)
    await until(10_000, 'it is sent', () => upstream.calls.length === 2)
    await until(10_000, 'the rest is the next line', () =>
      screen().endsWith('second\n\n› half a l'),
    )
    const text = screen()
    // No part of the answer is overwritten, and no text below it remains.
    const words = pieces.map((piece) => piece.trim()).join(' ')
    expect(text.replaceAll('\n', ' ')).toContain(words)
    expect(text).not.toContain('queued ›')
    expect(text).not.toContain('Ctrl-C stops')
    expect(upstream.asked).toEqual(['go', 'and then'])
  })

  it('sends the output of `!command` with the next message', async () => {
    const { upstream, terminal } = await open(['fine'])
    await terminal.type(`!echo out; echo er''ror >&2; exit 3${enter}`, 'error')
    // A last line without an end is not overwritten by the prompt.
    await terminal.type(`!printf unended${enter}`, /\nunended\n› $/)
    // The output of the last program itself: a shell may lose a signal while it starts the program.
    await terminal.type(`!awk 'BEGIN { print "on"; fflush(); while (1) {} }'${enter}`, /\non\n/)
    await terminal.type(interrupt, /› $/)
    await terminal.type(`why?${enter}`, 'fine')
    expect(upstream.asked[0]).toMatch(/^I ran `echo out; [^]*out\n[^]*\(it ended with code 3\)/)
    expect(upstream.asked[0]).toMatch(/\n\nwhy\?$/)
  })

  it('applies Ctrl-C after Enter to the started work', async () => {
    const { upstream, terminal } = await open([{ pieces: ['fine'], heldAfter: 0 }, 'fine'])
    await terminal.type(`!sleep 600${enter}${interrupt}`, /\(stopped\)\n› $/)
    await terminal.type(`go${enter}${interrupt}`, /\(stopped\)\n\n› $/)
    // The request may not have reached the model.
    upstream.letGo()
    await terminal.type(`again${enter}`, /fine\n\n› $/)
    expect(upstream.asked.at(-1)).toBe('again')
  })

  it('completes a file name after `@`', async () => {
    const { upstream, terminal, directory } = await open(['fine'])
    await mkdir(join(directory, 'source'))
    await writeFile(join(directory, 'source/main.ts'), '')
    await terminal.type('read @so\t', '@source/')
    await terminal.type('ma\t', 'main.ts')
    await terminal.type(enter, 'fine')
    expect(upstream.asked).toEqual(['read @source/main.ts'])
  })

  it('finds entries with Ctrl-R and edits with Ctrl-G', async () => {
    const { upstream, terminal } = await open(['fine'], { EDITOR: 'sed -i s/alpha/omega/' })
    await terminal.type(`alpha one${enter}`, 'fine')
    await terminal.type(`alpha two${enter}`, 'fine')
    await terminal.type(`beta${enter}`, 'fine')
    await terminal.type('\u0012alph', /search alph › alpha two/)
    await terminal.type('\u0012', /search alph › alpha one/)
    await terminal.type(enter, '› alpha one')
    await terminal.type('\u0007', 'omega one')
    await terminal.type(enter, 'fine')
    await terminal.type('\u0012nothing\u001b', '› ')
    // On a slow connection these keys arrive together with other keys.
    await terminal.type('gone\u0015\u0012bet', /search bet › beta/)
    await terminal.type('\u001b', '› ')
    await terminal.type('alpha six\u0007', 'omega six')
    await terminal.type(` last${enter}`, 'fine')
    expect(upstream.asked.slice(3)).toEqual(['omega one', 'omega six last'])
  })
})
