import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { loom, root, tidy } from './command.ts'

afterEach(tidy)

/**
 * The files that a file loads at once: its imports, their imports, and so on. Types and examples in
 * docstrings load nothing.
 */
function loadedWith(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  if (!path.endsWith('.ts')) return seen
  const text = readFileSync(path, 'utf8').replaceAll(/^ *\/\*\*.*?\*\//gms, '')
  for (const [, types, name = ''] of text.matchAll(
    /^(?:import|export) (type )?[^;]*?from '([^']+)'/gm,
  )) {
    if (types !== undefined) continue
    if (name.startsWith('.')) loadedWith(join(dirname(path), name), seen)
    else seen.add(name)
  }
  return seen
}

describe('help', () => {
  it('lists the commands on stdout', async () => {
    const { code, stdout, stderr } = await loom(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const name of ['chat', 'serve', 'models', 'sessions', 'completion']) {
      expect(stdout).toContain(`\n  ${name}`)
    }
    expect(stdout).not.toContain('__complete')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect((await loom(['help', 'chat'])).stdout).toContain('--output-format')
    expect(await loom(['help', 'srve'])).toMatchObject({
      code: 2,
      stderr: 'loom: There is no command "srve". Did you mean "serve"?\n',
    })
    expect((await loom(['serve', '--help'])).stdout).toContain('Usage: loom serve')
    expect((await loom(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('loads no agent, no model and no server', () => {
    const loaded = [...loadedWith(join(root, 'src/main.ts'))]
    expect(loaded.filter((name) => !name.startsWith('/') && !name.startsWith('node:'))).toEqual([
      'commander',
    ])
    expect(loaded.length).toBeLessThan(12)
  })
})

describe('models', () => {
  const environment = { LOOM_MODELS_URL: 'none' }

  it('are listed as JSON with `--json`', async () => {
    const { stdout, code } = await loom(['models', '--json', 'groq', 'compound'], { environment })
    expect(code).toBe(0)
    const list: unknown = JSON.parse(stdout)
    expect(list).toMatchObject({
      models: expect.arrayContaining([expect.objectContaining({ id: 'groq/groq/compound' })]),
    })
  })
})
