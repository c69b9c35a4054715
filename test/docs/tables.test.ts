/** The tables of the documentation name all facts of the code, and no others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { assistant } from '../../agents/assistant.ts'
import { exitCodes } from '../../src/cli/exit-code.ts'
import { readConfig } from '../../src/config.ts'
import { errorStatus } from '../../src/ground/error.ts'
import * as library from '../../src/index.ts'
import { loom as runCommand } from '../cli/command.ts'
import { servedApp } from '../served-app.ts'
import { blocks, codeIn, pageAt, root, rowsOf } from './pages.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** The settings in `src/config.ts`, with the source of each. */
const settings = new Map(
  [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+):([^]*?),\n(?= {2}[A-Z/]|\}\))/gm)].map(
    ([, name = '', source = '']) => [name, source],
  ),
)

/** The default of a setting as a number or a text; undefined if the source has none. */
function defaultIn(source = ''): string | undefined {
  const [, written] = /\.default\(([^)]*)\)/.exec(source) ?? []
  if (written === undefined || written === "''") return undefined
  if (written.startsWith("'")) return written.slice(1, -1)
  const factors = written.replaceAll('_', '').split('*').map(Number)
  return String(factors.reduce((product, factor) => product * factor, 1))
}

describe('the tables of settings', () => {
  const rows = rowsOf(pageAt('docs/settings.md'), /^variable$/)
  // Variables of a provider and of a proxy are not settings of `src/config.ts`.
  const own = rows.filter(([name = '']) => /^`[A-Z_]+`$/.test(name))
  const documented = new Map(own.map(([name = '', value = '']) => [name.slice(1, -1), value]))

  it('name every setting, and no other', () => {
    expect(settings.size).toBeGreaterThan(30)
    expect([...documented.keys()].toSorted()).toEqual([...settings.keys()].toSorted())
  })

  it('have the defaults of the code', () => {
    // The table describes these in words: they depend on the machine, or are not set by default.
    const inWords = ['LOOM_WORKSPACE', 'LOOM_AGENT', 'LOOM_AGENTS', 'LOOM_ALLOWED_HOSTS']
    const sandbox = ['LOOM_SANDBOX_MEMORY_MB', 'LOOM_SANDBOX_DISK_MB']
    for (const [name, source] of settings) {
      if ([...inWords, ...sandbox].includes(name)) continue
      expect(documented.get(name), name).toBe(defaultIn(source) ?? 'none')
    }
    expect(readConfig({}).agent).toBeUndefined()
  })
})

describe('the table of routes', () => {
  it('names every route, and no other', async () => {
    const app = await servedApp({ agents: [assistant] })
    const methods = new Set(['GET', 'POST', 'DELETE', 'PUT', 'PATCH'])
    const served = app.routes
      .filter(({ method, path }) => methods.has(method) && !path.includes('/:name{'))
      .map(({ method, path }) => `${method} ${path}`)
      .filter((route) => !route.includes('/api/agents/:agent/chat'))
    const rows = rowsOf(pageAt('docs/http.md'), /^route$/)
    const documented = rows.flatMap(([route]) => codeIn(route))
    expect(documented.length).toBeGreaterThan(15)
    expect(documented.toSorted()).toEqual([...new Set(served)].toSorted())
  })
})

describe('the table of errors', () => {
  it('has every code with its status', () => {
    const rows = rowsOf(pageAt('docs/http.md'), /^code$/)
    const documented = rows.map(([code, status]) => [codeIn(code)[0], Number(status)])
    expect(Object.fromEntries(documented)).toEqual(errorStatus)
  })
})

describe('the tables of the command line', () => {
  const page = pageAt('docs/command-line.md')

  it('name every option of `loom chat`, and no other', async () => {
    const { stdout } = await runCommand(['chat', '--help'])
    const options = [...stdout.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)]
    const shown = options.flatMap(([, short = '', long = '']) => [short, long])
    const others = ['', '-h', '--help']
    const documented = rowsOf(page, /^option/).flatMap(([names]) => codeIn(names))
    expect(documented.toSorted()).toEqual(shown.filter((name) => !others.includes(name)).toSorted())
  })

  it('name every command, and no other', async () => {
    const { stdout } = await runCommand(['--help'])
    const [, list = ''] = /^Commands:\n([^]*?)\n\n/m.exec(stdout) ?? []
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name)
    const documented = rowsOf(page, /^command$/).flatMap(([cell]) =>
      codeIn(cell).flatMap((text) => /^loom ([a-z]+)/.exec(text)?.[1] ?? []),
    )
    expect(documented.toSorted()).toEqual(commands.toSorted())
  })

  it('name every subcommand of `loom admin`, and no other', async () => {
    const { stdout } = await runCommand(['admin', '--help'])
    const [, list = ''] = /^Commands:\n([^]*?)\n\n/m.exec(stdout) ?? []
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name)
    const documented = rowsOf(page, /^subcommand$/).flatMap(([cell]) =>
      codeIn(cell).flatMap((text) => /^loom admin ([a-z]+)/.exec(text)?.[1] ?? []),
    )
    expect(documented.toSorted()).toEqual(commands.filter((name) => name !== 'help').toSorted())
  })

  it('have every exit code', () => {
    const rows = rowsOf(page, /^exit code$/)
    const documented = rows.flatMap(([codes = '']) => codes.split(', ').map(Number))
    const signals = [129, 130, 143]
    expect(documented.toSorted((a, b) => a - b)).toEqual([...Object.values(exitCodes), ...signals])
  })
})

describe('the table of agent fields', () => {
  it('names every field of an agent, and no other', () => {
    const [, body = ''] =
      /export interface AgentDefinition<[^]*?> \{\n([^]*?)^\}/m.exec(read('src/agent.ts')) ?? []
    const fields = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name = '']) => name)
    const documented = rowsOf(pageAt('docs/agents.md'), /^field$/).flatMap(([names]) =>
      codeIn(names),
    )
    expect(documented.toSorted()).toEqual([...fields, 'approvalSecret'].toSorted())
  })
})

describe('the tables of telemetry', () => {
  const [, table = ''] =
    /^const channels = \{\n([^]*?)^\}/m.exec(read('src/ground/telemetry.ts')) ?? []
  const channels = [...table.matchAll(/channel\('([^']+)'\)/g)].map(([, name]) => name)

  it.each(['docs/operations.md', 'docs/migration-from-loomex.md'])(
    'in %s name every event',
    (path) => {
      const page = pageAt(path)
      const named = [...page.text.matchAll(/`(loom:\w+:\w+)`/g)].map(([, name]) => name)
      expect(channels.length).toBe(14)
      expect(new Set(named)).toEqual(new Set(channels))
    },
  )
})

describe('the table of tools', () => {
  it('has the retry class of every built-in tool', () => {
    const rows = rowsOf(pageAt('docs/tools-and-sandbox.md'), /^tool$/)
    const documented = new Map(rows.map(([name, , retry]) => [codeIn(name)[0], retry]))
    expect([...documented.keys()]).toEqual([
      'bash',
      'read_file',
      'write_file',
      'edit_file',
      'grep',
      'glob',
      'remind',
      'human',
    ])
    for (const [name, retry] of documented) {
      const file = read(`tools/${name?.replace('_', '-')}.ts`)
      expect(file, name).toContain(`retry: '${retry}'`)
    }
  })
})

describe('the examples', () => {
  it('import only exports of Loom', () => {
    // Types have no value at run time; the compiler checks them in `types.test.ts`.
    const imported = blocks('ts').flatMap(({ code }) =>
      [...code.matchAll(/import \{([^}]+)\} from 'loomkit'/g)].flatMap(([, names = '']) =>
        names.split(',').map((name) => name.trim()),
      ),
    )
    const values = imported.filter((name) => name !== '' && !name.startsWith('type '))
    expect(values.length).toBeGreaterThan(15)
    expect(values.filter((name) => !(name in library))).toEqual([])
  })

  it('of the migration name only exports of Loom', () => {
    const rows = rowsOf(pageAt('docs/migration-from-loomex.md'), /^LoomEx$/)
    const called = rows.flatMap(([, loom]) =>
      codeIn(loom).flatMap((code) => /^(\w+)\(/.exec(code)?.[1] ?? []),
    )
    const fields = ['onStep', 'onError', 'execute']
    const names = called.filter((name) => !fields.includes(name))
    expect(names.length).toBeGreaterThan(15)
    expect(names.filter((name) => !(name in library))).toEqual([])
  })
})
