/** `loom init`: the project that it writes runs, and it overwrites nothing. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import manifest from '../../package.json' with { type: 'json' }
import { addressOf, namesAt, post, startServer } from './agent-server.ts'
import { folder, loom, tidy } from './command.ts'

afterEach(tidy)

const files = [
  '.dockerignore',
  '.gitignore',
  'Dockerfile',
  'README.md',
  'agents/assistant.ts',
  'package.json',
  'test/assistant.test.ts',
  'tools/count-words.ts',
  'tsconfig.json',
]

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted()
}

const namesOf = async (directory: string) => {
  const text = await readFile(join(directory, 'package.json'), 'utf8')
  const { name, dependencies }: { name?: string; dependencies?: object } = Object(JSON.parse(text))
  return { name, dependencies }
}

describe('loom init', () => {
  it('writes a project whose agent and tool run', async () => {
    const directory = await folder()
    const { code, stdout, stderr } = await loom(['init', 'my-app'], { directory })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/\n {2}cd my-app\n {2}npm install\n {2}npm run dev\n$/)
    const project = join(directory, 'my-app')
    expect(await filesIn(project)).toEqual(files)
    for (const file of files) {
      expect(await readFile(join(project, file), 'utf8'), file).not.toContain('{{')
    }
    expect(await namesOf(project)).toMatchObject({
      name: 'my-app',
      dependencies: { loomkit: `^${manifest.version}` },
    })
    const words = ['--agent', './agents/assistant.ts', 'Use count_words {"text": "to be or not"}']
    expect((await loom(words, { directory: project })).stdout).toContain('{"words":4}')
    const server = startServer(['serve'], { directory: project })
    const url = await addressOf(server)
    expect(await namesAt(url)).toEqual(['assistant'])
    const [, body = ''] = /^ {2}try .* -d '(.*)'$/m.exec(server.stdout) ?? []
    expect(await post(url, JSON.parse(body))).toContain('{"words":6}')
  })

  it('takes the name of the package from the folder', async () => {
    const directory = await folder()
    const names = { 'Mein Pröjekt!': 'mein-projekt', _: 'my-app', zod: 'zod-app' }
    for (const [path, name] of Object.entries(names)) {
      expect(await loom(['init', path], { directory })).toMatchObject({ code: 0 })
      expect((await namesOf(join(directory, path))).name).toBe(name)
    }
  })

  it('overwrites nothing', async () => {
    const directory = await folder()
    await mkdir(join(directory, 'own/.git'), { recursive: true })
    const own = { directory: join(directory, 'own') }
    expect(await loom(['init'], own)).toMatchObject({ code: 0 })
    await writeFile(join(directory, 'own/README.md'), 'mine')
    expect(await loom(['init'], own)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^loom: The current folder is not empty: [^\n]+\n$/),
    })
    expect(await readFile(join(directory, 'own/README.md'), 'utf8')).toBe('mine')
    await writeFile(join(directory, 'file'), '')
    expect(await loom(['init', 'file'], { directory })).toMatchObject({
      code: 2,
      stderr: 'loom: file is a file: name a new or an empty folder.\n',
    })
  })
})
