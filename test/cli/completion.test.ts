import { spawnSync } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { command, folder, loom, tidy } from './command.ts'

afterEach(tidy)

const complete = async (...words: string[]): Promise<string[]> => {
  const { stdout } = await loom(['__complete', '--', ...words])
  return stdout.split('\n').filter(Boolean)
}

describe('completions', () => {
  it('complete commands, options and their values', async () => {
    expect(await complete('')).toEqual([
      'chat',
      'serve',
      'dev',
      'acp',
      'mcp',
      'init',
      'models',
      'sessions',
      'admin',
      'key',
      'completion',
      'help',
    ])
    expect(await complete('se')).toEqual(['serve', 'sessions'])
    expect(await complete('chat', '--to')).toEqual(['--tools'])
    expect(await complete('--out')).toEqual(['--output-format'])
    expect(await complete('--output-format', '')).toEqual(['text', 'json', 'stream-json'])
    expect(await complete('-m', 'demo/')).toEqual(['demo/assistant', 'demo/echo', 'demo/fast'])
    expect(await complete('-m', 'anthro')).toEqual(['anthropic/'])
    expect(await complete('-m', 'fireworks/accounts/fireworks/models/kimi-k3')).toEqual([
      'fireworks/accounts/fireworks/models/kimi-k3',
    ])
    expect(await complete('chat', '--agent', 'r')).toEqual(['researcher'])
    expect(await complete('chat', '--agent', 'co')).toEqual(['coder'])
    expect(await complete('--tools', 'clock,cal')).toEqual(['clock,calculator'])
    expect(await complete('--tools', 'bash,edi')).toEqual(['bash,edit_file'])
    expect(await complete('completion', 'z')).toEqual(['zsh'])
    expect(await complete('sessions', '--')).toEqual(['--url', '--rm', '--json', '--help'])
    expect(await complete('admin', 'e')).toEqual(['export', 'erase'])
    expect(await complete('admin', 'erase', '--s')).toEqual(['--subject'])
    expect(await complete('a question', '')).toEqual([])
  })

  it('work in bash', async () => {
    const directory = await folder()
    const shim = join(directory, 'loom')
    await writeFile(shim, `#!/bin/sh\nexec '${command.join("' '")}' "$@"\n`)
    await chmod(shim, 0o755)
    const script = `eval "$(loom completion bash)"
      COMP_WORDS=(loom chat --tools clock,c) COMP_CWORD=3
      _loom && printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script], {
      encoding: 'utf8',
      env: { PATH: `${directory}:${process.env['PATH']}`, LOOM_MODEL: 'demo/fast' },
    })
    expect({ stdout, stderr, status }).toEqual({
      stdout: 'clock,calculator\nclock,clock\n',
      stderr: '',
      status: 0,
    })
  })

  it('have a script for bash, zsh and fish only', async () => {
    expect((await loom(['completion', 'zsh'])).stdout).toMatch(/^#compdef loom\n/)
    expect((await loom(['completion', 'fish'])).stdout).toContain('complete -c loom')
    const { code, stderr } = await loom(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(stderr).toContain('bash, zsh, fish')
  })
})
