/**
 * Types the input of the recorded session of `docs/command-line.md` at a real terminal with a real shell,
 * and compares every line of the screen with it. `…` stands for text that differs from run to run within
 * a line. The duration of a tool call is left out.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { command, folder, tidy } from '../cli/command.ts'
import { closeTerminals, lacksTerminal, openPseudoTerminal } from '../cli/pseudo-terminal.ts'
import { screenText } from '../cli/screen-text.ts'
import { until } from '../redis/until.ts'
import { type Block, pageAt } from './pages.ts'

const { blocks } = pageAt('docs/command-line.md')
const isRecorded = ({ code }: Block) => code.startsWith('$ cat mean.ts')
const recorded = blocks.find(isRecorded)?.code.trimEnd() ?? ''

const columns = 80
const duration = / \(\d+(?:\.\d+)? s\)$/

/** A line with input: the prompt of the shell, of the command or of a question, and the typed text. */
const typed = /^(\$ |(?:.* )?› )(.+)$/

afterEach(async () => {
  await closeTerminals()
  await tidy()
})

describe.skipIf(lacksTerminal)('the recorded session of the documentation', () => {
  it('equals the output of the terminal', async () => {
    const lines = recorded.split('\n')
    const inputs = lines.map((line) => typed.exec(line)).filter((match) => match !== null)
    expect(inputs.length).toBeGreaterThan(5)
    const terminal = openPseudoTerminal([], { program: ['sh'], ...(await place()) })
    const screen = () => {
      const shown = screenText(terminal.raw, columns)
      // The screen has a line for the cursor.
      return shown.at(-1) === '' ? shown.slice(0, -1) : shown
    }
    let typedAt = -1
    const waits = (prompt: string) =>
      until(20_000, `the prompt ${prompt}`, () => {
        const shown = screen()
        return shown.length - 1 > typedAt && shown.at(-1) === prompt.trimEnd()
      }).catch((error: Error) => {
        throw new Error(`${error.message}; the screen:\n${screen().join('\n')}`, { cause: error })
      })
    for (const [, prompt = '', text = ''] of inputs) {
      await waits(prompt)
      typedAt = screen().length - 1
      terminal.child.stdin?.write(`${text}\r`)
    }
    await waits('$ ')
    const shown = screen().slice(0, -1)
    expect(shown.map((line) => line.replace(duration, ''))).toEqual(lines.map(matching))
  }, 90_000)
})

/** A folder as the session has it, a home, and the command in the path. */
async function place() {
  const home = await folder()
  const directory = join(home, 'project')
  const programs = join(home, 'programs')
  await mkdir(directory)
  await mkdir(programs)
  const [, file = ''] = /^\$ cat mean\.ts\n([^]*?)^\$ /m.exec(recorded) ?? []
  await writeFile(join(directory, 'mean.ts'), file)
  const line = `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`
  await writeFile(join(programs, 'loom'), line, { mode: 0o755 })
  const environment = {
    PATH: `${programs}:${process.env['PATH']}`,
    HOME: home,
    PS1: '$ ',
    LOOM_MODEL: 'demo/assistant',
    LOOM_MODELS_URL: 'none',
    // Else the first line would tell how this machine confines commands.
    LOOM_SANDBOX: 'none',
  }
  return { directory, environment }
}

function matching(line: string): unknown {
  if (!line.includes('…')) return line
  if (line.trim() === '…') throw new Error('The session leaves out no lines.')
  const escaped = line.split('…').map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return expect.stringMatching(new RegExp(`^${escaped.join('.+')}$`))
}
