/**
 * A small repository with two TODO comments, one of which needs a decision of its owner. Its tests fail
 * until both are done, and a repeated edit breaks them.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const files = {
  'package.json': '{ "name": "small", "type": "module", "scripts": { "test": "node --test" } }\n',
  '.gitignore': 'dist/\nnode_modules/\nruns.txt\n',
  'README.md': '# Small\n\nLists and greetings.\n',
  'src/list.js': `// TODO: last(list), as first
export const first = (list) => list[0]
`,
  'src/greet.js': `// TODO: greet louder, and perhaps in other words: ask Ada
export const greet = (name) => \`Hello, \${name}\`
`,
  'test/list.test.js': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { first, last } from '../src/list.js'

test('first', () => assert.equal(first([1, 2, 3]), 1))
test('last', () => assert.equal(last([1, 2, 3]), 3))
`,
  'test/greet.test.js': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { greet } from '../src/greet.js'

test('greet', () => assert.match(greet('Ada'), /^\\w+, Ada!$/))
`,
  'dist/list.js': '// TODO: nobody looks here\n',
  'node_modules/other/index.js': '// TODO: nor here\n',
}

export const done = {
  'src/list.js': `// TODO: last(list), as first
export const first = (list) => list[0]
export const last = (list) => list.at(-1)
`,
  'src/greet.js': `// TODO: greet louder, and perhaps in other words: ask Ada
export const greet = (name) => \`Moin, \${name}!\`
`,
}

export async function makeRepository(folder: string): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, content)
  }
}

/** Returns the current sources. */
export async function sourcesOf(folder: string): Promise<Record<string, string>> {
  const paths = Object.keys(files).filter((path) => path.startsWith('src/'))
  const entries = paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')])
  return Object.fromEntries(await Promise.all(entries))
}
