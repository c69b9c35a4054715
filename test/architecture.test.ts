import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

interface Source {
  /** The path of the file from the root: `src/runner.ts`. */
  path: string
  /** The files of the project that it imports, also for types. */
  imports: string[]
  /** The packages and modules of Node that it imports. */
  packages: string[]
  text: string
}

const folders = ['src', 'routes', 'agents', 'tools']

function read(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => sourceOf(relative(root, join(entry.parentPath, entry.name))))
}

function sourceOf(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const found = [
    ...text.matchAll(/^(?:import|export|\})[^'\n]*\bfrom '([^']+)'/gm),
    ...text.matchAll(/^import '([^']+)'/gm),
    ...text.matchAll(/\bimport\('([^']+)'\)/g),
  ].map(([, name = '']) => name)
  return {
    path,
    text,
    imports: found
      .filter((name) => name.startsWith('.'))
      .map((name) => normalize(join(dirname(path), name))),
    packages: found.filter((name) => !name.startsWith('.')),
  }
}

const sources = folders.flatMap(read)

/** Every import, also of types, in the files that `from` selects, as `importer -> imported`. */
function edges(from: (path: string) => boolean, to: (path: string) => boolean): string[] {
  const found = sources
    .filter(({ path }) => from(path))
    .flatMap(({ path, imports, packages }) =>
      [...imports, ...packages].filter(to).map((name) => `${path} -> ${name}`),
    )
  // A file may import the same one at two places.
  return [...new Set(found)]
}

const inside =
  (...starts: string[]) =>
  (path: string) =>
    starts.some((start) => path.startsWith(start))
const isEntryPoint = (path: string) =>
  path === 'src/main.ts' || path === 'src/index.ts' || path.startsWith('src/entries/')

describe('the sources', () => {
  it('are found by this test', () => {
    expect(sources.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'src/runner.ts',
        'routes/app.ts',
        'agents/assistant.ts',
        'tools/clock.ts',
      ]),
    )
    expect(edges(inside('routes/'), inside('src/')).length).toBeGreaterThan(0)
  })
})

describe('dependency direction', () => {
  it('only entry points of the framework import the app', () => {
    const app = inside('routes/', 'agents/', 'tools/')
    expect(edges((path) => path.startsWith('src/') && !isEntryPoint(path), app)).toEqual([])
  })

  it('no file imports an entry point, except main.ts those of the library', () => {
    const found = edges(() => true, isEntryPoint)
    expect(found).toContain('src/main.ts -> src/index.ts')
    expect(found.filter((edge) => !edge.startsWith('src/main.ts -> '))).toEqual([])
  })

  it('the runner, the models and the codec import no HTTP', () => {
    const core = inside('src/runner', 'src/model', 'src/wire/frames')
    const http = (path: string) =>
      path.startsWith('hono') ||
      path.startsWith('@hono/') ||
      path === 'src/stream-agent.ts' ||
      path === 'src/wire/response.ts'
    expect(edges(core, http)).toEqual([])
  })

  it('the codec imports nothing that runs', () => {
    const allowed = inside(
      'src/event.ts',
      'src/wire/frames',
      'src/ground/error.ts',
      'src/ground/json.ts',
    )
    expect(
      edges(inside('src/wire/frames'), (path) => path.startsWith('src/') && !allowed(path)),
    ).toEqual([])
  })

  it('the models do not import the runner', () => {
    const runner = (path: string) => /^src\/(runner|turn|stream)/.test(path)
    expect(edges(inside('src/model/'), runner)).toEqual([])
  })

  it('the runner and loom.ts import no provider or environment', () => {
    const graph = new Map(sources.map(({ path, imports }) => [path, imports]))
    const providers = inside(
      'src/ground/environment.ts',
      'src/library.ts',
      'src/model/demo',
      'src/model/network.ts',
      'src/model/openai-compatible',
      'src/model/own-protocol.ts',
      'src/model/provider-package.ts',
      'src/model/registry-models.ts',
      'src/model/registry',
      'src/model/resolve.ts',
      'src/warm-up.ts',
    )
    const found = ['src/runner.ts', 'src/loom.ts'].flatMap((path) =>
      [...reachedFrom(path, graph)].filter(providers).map((name) => `${path} ->> ${name}`),
    )
    expect(found).toEqual([])
    expect([...reachedFrom('src/library.ts', graph)].some(providers)).toBe(true)
  })

  it('agents and tools import no HTTP', () => {
    expect(edges(inside('agents/', 'tools/'), inside('routes/', 'hono', '@hono/'))).toEqual([])
  })
})

/** Each set of files that import each other, directly or through others, also for types. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const reached = new Map([...graph.keys()].map((path) => [path, reachedFrom(path, graph)]))
  const found = new Map<string, string[]>()
  for (const [path, others] of reached) {
    if (!others.has(path)) continue
    const circle = [...others].filter((other) => reached.get(other)?.has(path)).sort()
    found.set(circle.join(), circle)
  }
  return [...found.values()]
}

function reachedFrom(path: string, graph: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>()
  const open = [...(graph.get(path) ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (reached.has(next)) continue
    reached.add(next)
    open.push(...(graph.get(next) ?? []))
  }
  return reached
}

const graph = new Map(sources.map(({ path, imports }) => [path, imports]))

describe('import circles', () => {
  it('there is no circle except agent and tool', () => {
    expect(circles(graph)).toEqual([['src/agent.ts', 'src/tool.ts']])
  })

  it('a planted circle is found', () => {
    const planted = new Map(graph)
    planted.set('src/ground/error.ts', [
      ...(graph.get('src/ground/error.ts') ?? []),
      'src/runner.ts',
    ])
    const [circle = []] = circles(planted).filter((paths) => paths.includes('src/ground/error.ts'))
    expect(circle).toEqual(expect.arrayContaining(['src/ground/error.ts', 'src/runner.ts']))
  })
})

/** The types that all folders share, beside `src/ground/`. */
const nouns = new Set(
  [
    'agent',
    'compaction',
    'data-part',
    'event',
    'message',
    'model',
    'model/price',
    'run-result',
    'sink',
    'spending',
    'step-preparation',
    'system-prompt',
    'tool',
    'schedule',
    'call-task',
    'tool-call',
    'tool-hooks',
    'tool-list',
    'usage',
  ].map((name) => `src/${name}.ts`),
)

const isLow = (path: string): boolean => path.startsWith('src/ground/') || nouns.has(path)

/** Imports of the ground and of these types that are neither. */
const upward = (imports: ReadonlyMap<string, readonly string[]>): string[] =>
  [...imports].flatMap(([path, names]) =>
    isLow(path) ? names.filter((name) => !isLow(name)).map((name) => `${path} -> ${name}`) : [],
  )

describe('the ground', () => {
  it('the ground exists', () => {
    expect([...nouns].filter((path) => !graph.has(path))).toEqual([])
    expect([...graph.keys()].filter((path) => path.startsWith('src/ground/'))).not.toEqual([])
  })

  it('imports only the ground and the nouns', () => {
    expect(upward(graph)).toEqual([])
  })

  it('a planted upward import is found', () => {
    const planted = new Map(graph)
    planted.set('src/event.ts', ['src/session/log-follower.ts'])
    expect(upward(planted)).toEqual(['src/event.ts -> src/session/log-follower.ts'])
  })
})

describe('the world', () => {
  it('one file reads process.env', () => {
    const readers = sources
      .filter(({ text }) => /\bprocess\.env\b/.test(text))
      .map(({ path }) => path)
    // The second one has it only in the text of a test that it writes for the user.
    expect(readers).toEqual(['src/ground/environment.ts', 'src/testing/test-code.ts'])
  })

  it('no source and no document has `using`, which the oldest supported Node.js cannot parse', () => {
    const documents = readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => ({ path: name, text: readFileSync(join(root, 'docs', name), 'utf8') }))
    expect(documents.length).toBeGreaterThan(5)
    const users = [...sources, ...documents]
      .filter(({ text }) => /^[ *]*(?:await )?using \w+ =/m.test(text))
      .map(({ path }) => path)
    expect(users).toEqual([])
  })

  it('the framework does not write to the console', () => {
    const writers = sources
      .filter(({ text }) => /\bconsole\.\w+\(/.test(text))
      .map(({ path }) => path)
    expect(writers).toEqual([])
  })
})

describe('names', () => {
  it('no file has a name without a subject', () => {
    const shelf = /(^|\/|-)(utils?|helpers?|common|manager|misc|service|index)(-|\.|\/)/
    const names = sources.map(({ path }) => path).filter((path) => path !== 'src/index.ts')
    expect(names.filter((path) => shelf.test(path))).toEqual([])
  })
})

describe('dependencies', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

  it('are pinned to an exact version', () => {
    const versions = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((group) =>
      Object.entries(groupOf(manifest, group)).map(([name, version]) => `${name}@${version}`),
    )
    expect(versions.length).toBeGreaterThan(10)
    expect(versions.filter((version) => !/@\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  it('are imported by names that every version in the range has', () => {
    // zod 3.25 has the interface of zod 4 at this name. Only the command offers both to its files.
    const found = sources.filter(({ packages }) => packages.includes('zod'))
    expect(found.map(({ path }) => path)).toEqual(['src/main.ts'])
  })

  it('every imported package is declared', () => {
    const declared = ['dependencies', 'peerDependencies'].flatMap((group) =>
      Object.keys(groupOf(manifest, group)),
    )
    const used = sources
      .flatMap(({ packages }) => packages)
      .filter((name) => !/^(?:node:|#)/.test(name))
    const missing = used.filter(
      (name) => !declared.some((known) => name === known || name.startsWith(`${known}/`)),
    )
    expect([...new Set(missing)]).toEqual([])
  })
})

function groupOf(manifest: unknown, group: string): Record<string, string> {
  if (typeof manifest !== 'object' || manifest === null || !(group in manifest)) return {}
  const entries: unknown = Object.entries(manifest).find(([name]) => name === group)?.[1]
  if (typeof entries !== 'object' || entries === null) return {}
  return Object.fromEntries(
    Object.entries(entries).map(([name, version]) => [name, String(version)]),
  )
}
