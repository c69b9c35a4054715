import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

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
} from './pseudo-terminal.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const { enter, end, up } = keys
const suspendKey = '\u001a'

describe.skipIf(lacksTerminal)('a typed line', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  async function open(
    answers: readonly (string | ScriptedAnswer)[],
    { state, shell, paceMs = 0 }: { state?: string; shell?: string; paceMs?: number } = {},
  ) {
    const upstream = await openScript(answers, paceMs)
    upstreams.push(upstream)
    const environment = {
      XDG_STATE_HOME: state ?? (await folder()),
      LOOM_MODEL: 'up/x',
      UP_BASE_URL: upstream.url,
    }
    const terminal = openPseudoTerminal([], { environment, ...(shell !== undefined && { shell }) })
    return { upstream, terminal }
  }

  it('keeps the tabs and line ends of a paste', async () => {
    const { upstream, terminal } = await open(['fine'])
    await terminal.shows('/help lists')
    await terminal.type(`${pasted('\tall:\r\n\tcc -o x x.c\n')}${enter}`, 'fine')
    await terminal.type(`${pasted('a\tb')}${enter}`, 'fine')
    expect(upstream.asked).toEqual(['\tall:\n\tcc -o x x.c', 'a\tb'])
  })

  it('may begin with a path', async () => {
    const { upstream, terminal } = await open(['fine'])
    await terminal.shows('/help lists')
    await terminal.type(`/etc/hosts explain this${enter}`, 'fine')
    await terminal.type(`/tmp is full${enter}`, 'fine')
    await terminal.type(`/cots${enter}`, 'Did you mean /cost?')
    expect(upstream.asked).toEqual(['/etc/hosts explain this', '/tmp is full'])
  })

  it('returns with Up, also in a later conversation', async () => {
    const state = await folder()
    const long = Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n')
    const first = await open(['fine'], { state })
    await first.terminal.shows('/help lists')
    await first.terminal.type(`explain: ${pasted('one\n\ttwo')}${enter}`, 'fine')
    await first.terminal.type(`${pasted(long)}${enter}`, 'fine')
    await first.terminal.type(`${up}${up}${enter}`, 'fine')
    await first.terminal.type(end, 'continues this session')
    expect(first.upstream.asked).toEqual(['explain: one\n\ttwo', long, 'explain: one\n\ttwo'])
    const again = await open(['fine'], { state })
    await again.terminal.shows('/help lists')
    await again.terminal.type(up, /one\n[^]*two/)
    await again.terminal.type(` and why${enter}`, 'fine')
    // Up moves through the lines of an entry before it moves to the previous entry.
    await again.terminal.type(`${up.repeat(5)}${enter}`, 'fine')
    expect(again.upstream.asked).toEqual(['explain: one\n\ttwo and why', long])
    expect(await readFile(join(state, 'loom/history'), 'utf8')).not.toContain('[pasted')
  })

  it('belongs to the shell after Ctrl-Z', async () => {
    const pieces = Array.from({ length: 40 }, (_, index) => `word${index} `)
    const { upstream, terminal } = await open([{ pieces }, 'two'], {
      paceMs: 50,
      // An interactive shell with job control.
      shell: `bash --norc --noprofile -i`,
    })
    const typed = terminal.command.replaceAll('\n', ' ')
    await terminal.type(`${typed}${enter}`, '/help lists')
    await terminal.type(suspendKey, 'Stopped')
    await terminal.type(`echo shell''s own${enter}`, 'shells own')
    await terminal.type(`fg${enter}`, '›')
    await terminal.type(`go${enter}`, 'word3')
    await terminal.type(suspendKey, 'Stopped')
    await terminal.type(`echo shell''s too${enter}`, 'shells too')
    await terminal.type(`fg${enter}`, 'word39')
    await terminal.type(`more${enter}`, 'two')
    await until(5000, 'both questions', () => upstream.calls.length === 2)
    expect(upstream.asked).toEqual(['go', 'more'])
  })
})
