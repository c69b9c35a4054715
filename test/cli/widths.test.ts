/**
 * A whole conversation at terminals of several widths, with a fast model and a slow model. An
 * independent terminal emulator reads each screen.
 */
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import type { Upstream } from '../sessions/upstream.ts'
import { folder, tidy } from './command.ts'
import { openEmulator, type ShownLine } from './emulated-screen.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'
import { openScript, type ScriptedAnswer } from './scripted-upstream.ts'

const { enter, interrupt } = keys

const address =
  'https://example.com/a/long/path/that/goes/on/for/ever?with=a&query=too#and-a-fragment-behind-all-of-it'
const code =
  'const result = someFunction(withArguments, thatAre, wider, than, mostTerminals, are, today)'
const wide =
  '日本語の文章は空白がないので、端末の幅で正しく折り返されなければなりません。絵文字👍も旗🇩🇪も幅は二です。'
const markdown = `Some **bold** words and a paragraph that is longer than a narrow terminal is wide.

- an item: ${address}
- another item, which also has more words than fit beside each other

| tool | what it does | 例 |
| --- | --- | --- |
| calculator | does arithmetic with numbers and words | 六 × 七 |
| read_file | reads a file of the workspace with line numbers | 👍 yes |

\`\`\`
${code}
\`\`\`

${wide}

The end.`

const command =
  'git status --short && git log --oneline --decorate | head -n 20 && echo "more than eighty columns"'
const added =
  'const added = "a line of code that is wider than eighty columns, whatever else is said here"'
const question = 'Which of these would you like me to take for the next step of all the work?'
const options = ['the first option, which is described at some length', '二番目の選択肢']
const bash = (text: string) => ({ name: 'bash', input: { command: text } })
const edit = { path: 'main.ts', edits: [{ old: 'const a = 1', new: `const a = 2\n${added}` }] }
const pieces = Array.from({ length: 24 }, (_, index) => `word${index} `)

const script: readonly ScriptedAnswer[] = [
  { thoughts: ['I think ', 'about it.'], pieces: markdown.split(/(?<= )/) },
  { calls: [bash(command)] },
  { pieces: ['It said so.'] },
  {
    calls: [
      { name: 'glob', input: { pattern: '**/*' } },
      { name: 'read_file', input: { path: 'main.ts' } },
      { name: 'grep', input: { pattern: 'const', path: 'main.ts' } },
    ],
  },
  { pieces: ['All looked at.'] },
  { calls: [{ name: 'edit_file', input: edit }] },
  { pieces: ['Changed.'] },
  { calls: [{ name: 'human', input: { question, options } }] },
  { pieces: ['Thank you.'] },
  { pieces, heldAfter: 8 },
  { pieces, heldAfter: 8 },
  { pieces: ['Second answer.'] },
]

/** Texts that stay in one piece so that they can be copied. The terminal wraps them. */
const unbroken = [address, code, command, added]

describe.skipIf(lacksTerminal)('a conversation', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    await closeTerminals()
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  it.each([0, 30])(
    'is drawn correctly at 40, 80 and 200 columns with %i ms pauses',
    async (pace) => {
      const conversations = [40, 80, 200].map((columns) => converse(columns, pace))
      const failed = (await Promise.allSettled(conversations)).filter(
        ({ status }) => status === 'rejected',
      )
      expect(failed).toEqual([])
    },
    120_000,
  )
  const converse = async (columns: number, pace: number) => {
    const upstream = await openScript(script, pace)
    upstreams.push(upstream)
    const directory = await folder()
    const state = await folder()
    execFileSync('git', ['init', '-q'], { cwd: directory })
    await writeFile(join(directory, 'main.ts'), 'const a = 1\nconst b = 2\n')
    const terminal = openPseudoTerminal(['--agent', 'coder', '--verbose'], {
      columns,
      directory,
      shell: 'exec $LOOM',
      environment: {
        HOME: directory,
        XDG_STATE_HOME: state,
        LOOM_MODEL: 'up/x',
        LOOM_SANDBOX: 'none',
        UP_BASE_URL: upstream.url,
      },
    })
    using emulator = openEmulator({ columns })
    const screen = () => emulator.screenAfter(terminal.raw)
    /** Types, and waits until the output since then matches `end`. */
    const type = async (typed: string, end: RegExp) => {
      const count = wholeLines(await screen()).length
      terminal.child.stdin?.write(typed)
      await shows(end, Math.max(0, count - 1))
    }
    const shows = async (end: RegExp, from = 0) => {
      const since = async () =>
        wholeLines(await screen())
          .slice(from)
          .join('\n')
      let readLength = -1
      const isShown = async () => {
        // Only new bytes change the answer.
        if (terminal.raw.length === readLength) return false
        readLength = terminal.raw.length
        return end.test(await since())
      }
      await until(20_000, `the screen shows ${end}`, isShown).catch(async (cause: unknown) => {
        throw new Error(
          `the screen of ${columns} columns does not show ${end}:\n${await since()}`,
          { cause },
        )
      })
    }
    await terminal.shows('/help lists')

    await type(`Explain it${enter}`, /\nThe end\.\n\n›$/)
    const explained = await screen()
    expectNothingLeft(explained)
    const shown = spaced(wholeLines(explained))
    expect(shown).toContain('I think about it.')
    expect(shown).toContain('longer than a narrow terminal is wide.')
    // Wide characters have no spaces between them, so line breaks do not change them.
    expect(wholeLines(explained).join('')).toContain(wide)
    for (const word of ['calculator', 'arithmetic', '六 × 七', 'read_file', 'numbers', '👍 yes']) {
      expect(explained.some(({ text }) => text.includes(word))).toBe(true)
    }

    await type(`Use a command${enter}`, /Allow bash\?[^]*›$/)
    const approval = await screen()
    expect(wholeLines(approval)).toContainEqual(expect.stringContaining(command))
    expect(spaced(wholeLines(approval))).toContain('(y)es, (a)lways this one, (n)o, or say why not')
    expectNothingLeft(approval)
    await type(`y${enter}`, /It said so\.\n\n›$/)

    await type(`Look at several${enter}`, /All looked at\.\n\n›$/)
    const parallel = spaced(wholeLines(await screen()))
    expect(parallel).toMatch(/└ glob \*\*\/\*: main\.ts/)
    expect(parallel).toMatch(/└ read_file main\.ts: 1: const a/)
    expect(parallel).toMatch(/└ grep main\.ts: (?:main\.ts:)?1: ?const a/)

    await type(`Change it${enter}`, /Allow edit_file\?[^]*›$/)
    expect(wholeLines(await screen())).toContain(`  +${added}`)
    await type(`y${enter}`, /Changed\.\n\n›$/)
    // The diff of the change, after its question.
    expect(wholeLines(await screen())).toContain(`    +${added}`)

    await type(`Ask me${enter}`, /answer ›$/)
    const questioned = spaced(wholeLines(await screen()))
    expect(questioned).toContain(`${question} 1. ${options[0]} 2. ${options[1]} answer ›`)
    await type(`2${enter}`, /Thank you\.\n\n›$/)

    await type(`Say much${enter}`, /word6/)
    terminal.child.stdin?.write(interrupt)
    await shows(/\(stopped\)\n\n›$/)

    await type(`Say much again${enter}`, /Say much again\n[^]*word6/)
    terminal.child.stdin?.write(`and then 漢字${enter}half a line 👍`)
    await shows(
      /word6[^]*\n\S answering \d+ s · Ctrl-C stops[^\n]*\nqueued › and then 漢字\n› half a line 👍$/,
    )
    upstream.letGo()
    await shows(/\n› and then 漢字\nSecond answer\.\n\n› half a line 👍$/)
    expect(spaced(wholeLines(await screen()))).toContain(pieces.join('').trim())

    await type('\u0015', /^›$/)
    await type(`/help${enter}`, /\/sessions[^]*Ctrl-R[^]*\n›$/)
    const all = await screen()
    expectNothingLeft(all)
    const wrapped = wholeLines(all, ({ isWrapped }) => isWrapped)
    const isMeant = (line: string) => [...unbroken, state].some((text) => line.includes(text))
    expect(wrapped.filter((line) => !isMeant(line))).toEqual([])
  }
})

/** The lines without the temporary ones. */
function wholeLines(
  lines: readonly ShownLine[],
  passes: (line: ShownLine) => boolean = () => true,
): string[] {
  const whole: { text: string; passes: boolean }[] = []
  for (const line of lines) {
    const before = whole.at(-1)
    if (!line.isWrapped || before === undefined) {
      whole.push({ text: line.text, passes: passes(line) })
      continue
    }
    before.text += line.text
    before.passes ||= passes(line)
  }
  return whole.flatMap(({ text, passes }) => (passes ? [text] : []))
}

/** The words of all lines, with one space between them. */
const spaced = (lines: readonly string[]): string => lines.join(' ').replace(/\s+/g, ' ')

/** Expects no text from below a running answer. */
function expectNothingLeft(lines: readonly ShownLine[]): void {
  const left = lines.filter(({ text }) => /· Ctrl-C stops|^queued ›/.test(text))
  expect(left).toEqual([])
}
