import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it, vi } from 'vitest'

import { folder, loom, tidy } from './command.ts'
import { closeTerminals, keys, lacksTerminal, openPseudoTerminal } from './pseudo-terminal.ts'

afterEach(async () => {
  await closeTerminals()
  await tidy()
})

vi.setConfig({ testTimeout: 120_000 })

const { enter } = keys
const touch = 'Use bash touch made'

describe('tools that act on the workspace', () => {
  it('run nothing without permission', async () => {
    const directory = await folder()
    for (const words of [
      ['--tools', 'bash'],
      ['--agent', 'coder'],
    ]) {
      const { code, stderr } = await loom([...words, touch], { directory })
      expect(stderr).toContain('bash was refused: nobody is here to allow it (--allow bash')
      expect(code).toBe(0)
    }
    expect(existsSync(join(directory, 'made'))).toBe(false)
    await loom(['--tools', 'bash', '--allow', 'bash', touch], { directory })
    expect(existsSync(join(directory, 'made'))).toBe(true)
  })

  it('report no sandbox if no tool runs commands', async () => {
    const environment = { PATH: '/nonexistent' }
    const confined = /bash is confined|bash is not confined/
    const some = await loom(['--tools', 'grep,write_file', 'hi there'], { environment })
    expect(some).toMatchObject({ code: 0, stderr: '' })
    const all = await loom(['--tools', 'grep,bash', 'hi there'], { environment })
    expect(all.stderr).toMatch(confined)
  })

  it.skipIf(lacksTerminal)('ask at a terminal and show the command first', async () => {
    const directory = await folder()
    const environment = { XDG_STATE_HOME: await folder(), XDG_CACHE_HOME: directory }
    const words = ['-i', '--tools', 'bash,write_file']
    const terminal = openPseudoTerminal(words, { directory, environment })
    await terminal.shows('/help lists')
    await terminal.type(`${touch}${enter}`, 'Allow bash?')
    await terminal.type(`n${enter}`, 'said no')
    expect(existsSync(join(directory, 'made'))).toBe(false)
    await terminal.type(`${touch}${enter}`, 'Allow bash?')
    await terminal.type(`y${enter}`, 'says')
    expect(await readFile(join(directory, 'made'), 'utf8')).toBe('')
  })
})
