/** The files that ARCHITECTURE.md and the pages name exist, and ARCHITECTURE.md names each package. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { pages, root } from './pages.ts'

const architecture = {
  path: 'ARCHITECTURE.md',
  text: readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'),
}

const folders = ['src', 'routes', 'agents', 'tools', 'bin', 'test', 'web', 'bench', 'examples']
const listed = execFileSync(
  'find',
  [...folders, '-type', 'f', '-not', '-path', '*/node_modules/*'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
const files = listed.trim().split('\n')

/** Each file name in code, with `{one,other}` as two names. */
function filesNamedIn(text: string): string[] {
  const names = [...text.matchAll(/`([\w/.{},-]+\.(?:ts|mjs|lua|conf|cfg))`/g)]
  return names.flatMap(([, name = '']) => {
    const [, before = '', list, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? []
    return list === undefined ? [name] : list.split(',').map((part) => before + part + after)
  })
}

/** A name without its folder stands for a file of any folder. */
const exists = (name: string) => files.some((file) => file === name || file.endsWith(`/${name}`))

describe('the files that the documentation names', () => {
  it('exist', () => {
    const named = filesNamedIn(architecture.text)
    expect(named.length).toBeGreaterThan(80)
    // A file that a build creates is not in the tree.
    const built = ['loom.mjs']
    expect(named.filter((name) => !exists(name) && !built.includes(name))).toEqual([])
  })

  it('exist on the pages, unless a page shows the file', () => {
    const shown = pages.flatMap(({ blocks }) =>
      blocks.flatMap(({ code }) => /^\/\/ (\S+)/.exec(code)?.[1] ?? []),
    )
    const named = pages
      .flatMap(({ text }) => filesNamedIn(text))
      .filter((name) => !shown.includes(name))
    // Files of a user, and files that a build makes.
    const outside = /^(?:\.\/|dist\/|loom\.mjs$)/
    expect(named.filter((name) => !outside.test(name) && !exists(name))).toEqual([])
  })

  it('are found missing', () => {
    expect(exists('session/no-such-file.ts')).toBe(false)
    expect(exists('session/instance.ts')).toBe(true)
  })
})

describe('the packages of the manifest', () => {
  const packages = z.record(z.string(), z.string())
  const manifest = z
    .object({ dependencies: packages, devDependencies: packages, peerDependencies: packages })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  const names = Object.values(manifest).flatMap((group) => Object.keys(group))
  // The rows of the tables, each with its packages and the reason for them.
  const [, section = ''] =
    /\n### The reason for each package\n([^]*?)\n## /.exec(architecture.text) ?? []
  const rows = [...section.matchAll(/^\| (`.*`) \| \S.* \|$/gm)]
  const explained = rows.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  )

  it('each have a reason in ARCHITECTURE.md', () => {
    expect(names.length).toBeGreaterThan(40)
    expect(names.filter((name) => !explained.includes(name))).toEqual([])
  })

  it('are the only ones with a reason', () => {
    expect(explained.filter((name) => name !== undefined && !names.includes(name))).toEqual([])
  })
})
