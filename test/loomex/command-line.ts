/** The forms of the command. A shell runs the text of each row, with the command of this tree as `loom`. */
import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect } from 'vitest'

import { command, folder, root, start } from '../cli/command.ts'
import { closeTerminals, keys, openPseudoTerminal } from '../cli/pseudo-terminal.ts'
import { type Checks, loomCode, type Row } from './row.ts'

/** In a table, `\|` is a pipe. */
const lineOf = (row: Row): string => loomCode(row).replaceAll('\\|', '|')

/** Runs a line in a folder, and returns its output. */
async function outputOf(line: string, directory: string, model = 'demo/fast'): Promise<string> {
  const bin = await folder()
  const words = command.map((word) => `'${word}'`).join(' ')
  await writeFile(join(bin, 'loom'), `#!/bin/sh\nexec ${words} "$@"\n`)
  await chmod(join(bin, 'loom'), 0o755)
  const environment = {
    PATH: `${bin}:${process.env['PATH']}`,
    LOOM_MODEL: model,
    XDG_STATE_HOME: join(bin, 'state'),
  }
  const run = start(['-c', line], { program: ['sh'], directory, environment })
  const { code, stdout, stderr } = await run.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr })
  return stdout
}

/** A folder with one file. Git has an older version of it. */
async function repository(): Promise<string> {
  const path = await folder()
  const git = (...words: string[]) => promisify(execFile)('git', ['-C', path, ...words])
  await writeFile(join(path, 'file.ts'), 'old line\n')
  await git('init', '--quiet')
  await git('add', '.')
  await writeFile(join(path, 'file.ts'), '// TODO new line\n')
  return path
}

export const commandChecks: Checks = {
  '`loom_ex "What is 2+2?"`': async (row) => {
    expect(await outputOf(lineOf(row), await folder())).toContain('**4**')
  },

  '`loom_ex chat --tools bash,grep "…"`': async (row) => {
    const line = lineOf(row).replace('"…"', `'Use grep {"pattern": "TODO"}'`)
    expect(await outputOf(line, await repository())).toContain('TODO new line')
  },

  '`loom_ex chat -i --model …`': async (row) => {
    const [, ...words] = lineOf(row).replace('…', 'demo/fast').split(' ')
    const environment = { XDG_STATE_HOME: await folder(), LOOM_MODEL: 'demo/echo' }
    const terminal = openPseudoTerminal(words, { environment })
    try {
      await terminal.shows('/help lists the commands')
      await terminal.type(`My name is Ada.${keys.enter}`, 'Nice to meet you, Ada.')
      await terminal.type(`Who am I?${keys.enter}`, 'Your name is Ada.')
      await terminal.type(keys.end, 'continues this session')
      await terminal.endsWith(0)
    } finally {
      await closeTerminals()
    }
  },

  '`cat file.ex \\| loom_ex "…"`': async (row) => {
    const line = lineOf(row).replace('…', 'Summarize this')
    const output = await outputOf(line, await repository(), 'demo/echo')
    expect(output).toBe('Summarize this\n\n// TODO new line\n')
  },

  '`git diff \\| loom_ex "…"`': async (row) => {
    const line = lineOf(row).replace('…', 'Review this')
    const output = await outputOf(line, await repository(), 'demo/echo')
    expect(output).toMatch(/^Review this\n\ndiff --git [^]*\n-old line\n\+\/\/ TODO new line\n/)
  },

  // `test/artefacts` makes this build, which takes minutes, and starts the artefacts.
  '`MIX_ENV=prod mix release` (Burrito, Zig)': async (row) => {
    const [, name = ''] = /^npm run (\S+)$/.exec(loomCode(row)) ?? []
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
    const script = new Map(Object.entries(manifest.scripts)).get(name) ?? ''
    const [, program = '', artefacts = ''] = /^node (\S+) (.*)$/.exec(script) ?? []
    expect(artefacts).toBe('executable self-extractor')
    const build = promisify(execFile)(process.execPath, [join(root, program), 'nothing'])
    const error = await build.catch((failure: { stderr?: string }) => failure.stderr)
    expect(error).toContain('There are: library, module, executable, self-extractor')
  },
}
