/** The package in its published form, installed into an empty project. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { addressOf, namesAt, post, startServer } from '../cli/agent-server.ts'
import { loom, root, tidy } from '../cli/command.ts'
import { type PublicMember, publicMembers } from '../docs/public-members.ts'
import { packageEntries } from '../package-entries.ts'
import { install, pack, packMs, type Packed } from './packed.ts'
import { testFolder } from './test-folder.ts'

const run = promisify(execFile)
const { path: project } = testFolder()

let packed: Packed

beforeAll(async () => {
  packed = await pack()
  await install(project, [packed.tarball])
  // The optional peers of `loomkit/react`.
  const packages = join(project, 'node_modules')
  symlinkSync(join(root, 'node_modules/ai-react7'), join(packages, '@ai-sdk/react'))
  symlinkSync(join(root, 'node_modules/react'), join(packages, 'react'))
}, packMs)
afterEach(tidy)

/** Runs a program in the project where the package is installed, and returns its output as JSON. */
async function printed(text: string): Promise<unknown> {
  const words = ['--input-type=module', '--eval', text]
  const { stdout } = await run(process.execPath, words, { cwd: project })
  return JSON.parse(stdout)
}

const cost = z.object({ cpuMs: z.number(), megabytes: z.number() })
type Cost = z.infer<typeof cost>

/** The cost of an import in a new process: milliseconds of processor time and megabytes of memory. */
async function costOf(imports: string): Promise<Cost> {
  return cost.parse(
    await printed(`
      const began = process.cpuUsage()
      ${imports}
      const { user, system } = process.cpuUsage(began)
      const megabytes = process.memoryUsage().rss / 1e6
      process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1000, megabytes }))
    `),
  )
}

const least = (one: Cost, other: Cost): Cost => ({
  cpuMs: Math.min(one.cpuMs, other.cpuMs),
  megabytes: Math.min(one.megabytes, other.megabytes),
})

describe('the import of the package', () => {
  it.each([
    ['loomkit', ['hono']],
    ['loomkit/client', []],
    ['loomkit/hono', ['hono']],
    ['loomkit/mcp', []],
    ['loomkit/redis', []],
    ['loomkit/testing', ['@ai-sdk/provider']],
    ['loomkit/tools', []],
  ])('importing %s loads of other packages only %j', async (entry, packages) => {
    const loaded = await printed(`
      import { registerHooks } from 'node:module'
      const names = new Set()
      registerHooks({
        load(url, context, next) {
          names.add(/.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1])
          return next(url, context)
        },
      })
      await import('${entry}')
      process.stdout.write(JSON.stringify([...names].filter((name) => name !== undefined).sort()))
    `)
    expect(loaded).toEqual([...packages, 'loomkit'])
  })

  it('importing loomkit costs less than ai and 30 MB', async () => {
    let nothing = await costOf('')
    let ai = await costOf("await import('ai')")
    let loom = await costOf("await import('loomkit')")
    const isLight = () =>
      loom.cpuMs < ai.cpuMs &&
      loom.megabytes < ai.megabytes &&
      loom.megabytes - nothing.megabytes <= 30
    // On a busy machine it takes more rounds until each import has had a quiet moment.
    for (let round = 0; round < 3 || (round < 30 && !isLight()); round++) {
      nothing = least(nothing, await costOf(''))
      ai = least(ai, await costOf("await import('ai')"))
      loom = least(loom, await costOf("await import('loomkit')"))
    }
    expect(isLight(), JSON.stringify({ nothing, ai, loom })).toBe(true)
  }, 120_000)
})

describe('npm pack', () => {
  it('leaves out the fields that only a checkout uses, and keeps the file', () => {
    const fields = z.record(z.string(), z.unknown())
    const published = fields.parse(
      JSON.parse(readFileSync(join(project, 'node_modules/loomkit/package.json'), 'utf8')),
    )
    const { scripts, workspaces, devDependencies, ...others } = fields.parse(
      JSON.parse(packed.before),
    )
    expect([scripts, workspaces, devDependencies]).not.toContain(undefined)
    expect(published).toEqual(others)
    expect(published).not.toHaveProperty('private')
    expect(packed.after).toBe(packed.before)
  })

  it('makes a tarball of less than 1.2 MB, and 4 MB unpacked', async () => {
    const installed = join(project, 'node_modules/loomkit')
    const paths = await readdir(installed, { recursive: true })
    const sizes = await Promise.all(paths.map((path) => stat(join(installed, path))))
    const bytes = sizes.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0)
    expect({
      packed: statSync(packed.tarball).size < 1.2e6,
      unpacked: bytes < 4e6,
      files: paths.length > 500,
    }).toEqual({ packed: true, unpacked: true, files: true })
  })

  it('keeps the text of each member in its declarations', async () => {
    const library = join(project, 'node_modules/loomkit/dist/library')
    // A declaration may have other indents and line breaks than its source.
    const words = (text: string) => text.replaceAll(/[\s*]+/g, ' ').trim()
    const declarations = new Map<string, string>()
    const isMissing = async ({ place, text }: PublicMember) => {
      const path = join(library, place.replace(/\.ts:\d+$/, '.d.ts'))
      const declared = declarations.get(path) ?? words(await readFile(path, 'utf8'))
      declarations.set(path, declared)
      return !declared.includes(words(text))
    }
    const missing: string[] = []
    for (const member of publicMembers(packageEntries())) {
      if (await isMissing(member)) missing.push(`${member.place}: ${member.name}`)
    }
    expect(missing).toEqual([])
  })

  it('prepare builds the library for an installation from git, and not for npm ci', async () => {
    const library = join(packed.tree, 'dist/library')
    const prepare = async (command: string) => {
      rmSync(library, { recursive: true, force: true })
      const script = join(packed.tree, 'bin/build/prepare.mjs')
      await run(process.execPath, [script], { env: { ...process.env, npm_command: command } })
      return existsSync(join(library, 'src/index.js'))
    }
    expect(await prepare('ci')).toBe(false)
    expect(await prepare('install')).toBe(true)
  })
})

describe('the package', () => {
  it('chooses the connections of a runtime as the sources do', async () => {
    const imports = z.object({
      imports: z.object({ '#connections': z.record(z.string(), z.string()) }),
    })
    const chosen = async (path: string) =>
      imports.parse(JSON.parse(await readFile(path, 'utf8'))).imports['#connections']
    const installed = join(project, 'node_modules/loomkit')
    const folder = './dist/library/src/model/network/'
    const sources = Object.entries(await chosen(join(root, 'src/model/network/package.json')))
    expect(await chosen(join(installed, 'package.json'))).toEqual(
      Object.fromEntries(
        sources.map(([runtime, path]) => [runtime, folder + basename(path, '.ts') + '.js']),
      ),
    )
    // A nested manifest would shadow this choice.
    const files = await readdir(join(installed, 'dist'), { recursive: true })
    expect(files.filter((path) => basename(path) === 'package.json')).toEqual([])
  })

  it('each entry exports the names of its source', async () => {
    const library = join(project, 'node_modules/loomkit/dist/library')
    for (const path of Object.values(packageEntries())) {
      const source: object = await import(join(root, path))
      const built = await printed(`
        const names = Object.keys(await import('${library}/${path.replace(/\.ts$/, '.js')}'))
        process.stdout.write(JSON.stringify(names.sort()))
      `)
      expect(built, path).toEqual(Object.keys(source).toSorted())
    }
  })

  it('the package has no sources and no Node', async () => {
    const installed = join(project, 'node_modules/loomkit')
    const files = await readdir(installed, { recursive: true })
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'bin/loom.mjs', 'dist/library/src/index.js']),
    )
    expect(files.filter((file) => /(?<!\.d)\.ts$/.test(file))).toEqual([])
    expect(files.filter((file) => /^(src|test|bench)\//.test(file))).toEqual([])
    const packages = await readdir(join(project, 'node_modules'))
    expect(packages.filter((name) => name.startsWith('node'))).toEqual([])
  })

  it('the library finds no file by its own address', async () => {
    const library = join(project, 'node_modules/loomkit/dist/library')
    const open = Object.values(packageEntries()).map((path) => path.replace(/\.ts$/, '.js'))
    // The modules that a program can reach. Those of the command alone are found in files.
    const reached = new Map<string, string>()
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (reached.has(path)) continue
      const text = readFileSync(join(library, path), 'utf8')
      reached.set(path, text)
      for (const [, name = ''] of text.matchAll(
        /(?:\bfrom|\bimport|import\()\s*["'](\.[^"']+\.js)["']/g,
      ))
        open.push(join(dirname(path), name))
    }
    expect(reached.size).toBeGreaterThan(100)
    // A text may name it.
    const code = (text: string) => text.replaceAll(/'[^'\n]*'|"[^"\n]*"/g, "''")
    const found = [...reached].filter(([, text]) =>
      /\bimport\.meta\b|\b__(?:dirname|filename)\b/.test(code(text)),
    )
    expect(found.map(([path]) => path)).toEqual([])
  })

  it('the modules of the package contain the files of the sources', async () => {
    const library = join(project, 'node_modules/loomkit/dist/library')
    const contained = await printed(`
      const { scriptFiles } = await import('${library}/src/store/redis/script-files.js')
      const { shippedFiles } = await import('${library}/src/model/registry/shipped-files.js')
      const { playgroundFiles } = await import('${library}/routes/playground-files.js')
      const files = [
        ['src/store/redis/finish.lua', scriptFiles('finish.lua')],
        ['src/store/redis/part/fence.lua', scriptFiles('part/fence.lua')],
        ['src/model/registry/models.dev.br', shippedFiles('models.dev.br')],
        ['web/index.html', playgroundFiles('index.html')],
        ['web/none.html', playgroundFiles('none.html')],
      ]
      process.stdout.write(JSON.stringify(files.map(([name, file]) => [name, file?.toString('base64')])))
    `)
    const files = z.array(z.tuple([z.string(), z.string().nullable()])).parse(contained)
    expect(files).toHaveLength(5)
    for (const [name, file] of files) {
      const path = join(root, name)
      expect(file).toBe(existsSync(path) ? readFileSync(path, 'base64') : null)
    }
  })

  it('publint and attw find no fault in the package', async () => {
    const { messages } = await publint({
      pkgDir: join(project, 'node_modules/loomkit'),
      pack: false,
    })
    expect(messages).toEqual([])
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(packed.tarball)))
    // Only ES modules can import the package, and they can.
    const problems = 'problems' in analysis ? analysis.problems : ['no types']
    const others = problems.filter(
      (problem) =>
        typeof problem === 'string' ||
        !('resolutionKind' in problem) ||
        !['node10', 'node16-cjs'].includes(problem.resolutionKind),
    )
    expect(others).toEqual([])
  })

  it('the installed package works and its types are right', async () => {
    const text = `
      import { defineAgent, defineTool, run, type RunResult } from 'loomkit'
      import { resumableFetch } from 'loomkit/client'
      import { z } from 'zod'

      const double = defineTool({
        name: 'double',
        description: 'Doubles.',
        inputSchema: z.object({ text: z.string() }),
        retry: 'safe',
        execute: ({ text }) => text + text,
      })
      const agent = defineAgent({
        name: 'doubler', systemPrompt: 'Double.', model: 'demo/fast', tools: [double],
      })
      const result: RunResult = await run(agent, 'Use double for ha')
      // @ts-expect-error an agent without a name
      const wrong = () => defineAgent({ systemPrompt: 'x' })
      process.stdout.write([result.text, typeof resumableFetch, typeof wrong].join())
    `
    await writeFile(join(project, 'program.ts'), text)
    const settings = {
      compilerOptions: {
        module: 'nodenext',
        target: 'es2024',
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
      },
      files: ['program.ts'],
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(settings))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const checked = await run(process.execPath, [compiler, '-p', project]).catch(
      (error: { stdout: string }) => error,
    )
    expect(checked.stdout).toBe('')
    const { stdout } = await run(process.execPath, [join(project, 'program.ts')])
    expect(stdout).toMatch(/haha.*,function,function$/s)
  })

  it('the package has the command: npx loomkit', async () => {
    const ended = await loom(['What is 6 * 7?'], {
      program: ['npx', 'loomkit'],
      directory: project,
    })
    expect(ended).toMatchObject({ code: 0, stdout: '6 × 7 = **42**\n' })
    // The agent's file imports the installed library itself.
    const words = ['--agent', join(import.meta.dirname, 'files/agent.ts'), 'Use greet for Ada']
    const program = [process.execPath, join(project, 'node_modules/.bin/loom')]
    expect((await loom(words, { program })).stdout).toContain('hello Ada')
  })
})

describe('npx loom init', () => {
  it('writes a project whose tests pass and whose agents follow their files', async () => {
    await run('npx', ['loom', 'init', 'my-app'], { cwd: project })
    const app = join(project, 'my-app')
    const file = join(app, 'package.json')
    const manifest = z.looseObject({ dependencies: z.record(z.string(), z.string()) })
    const written = manifest.parse(JSON.parse(readFileSync(file, 'utf8')))
    // The registry does not have this version yet.
    written.dependencies['loomkit'] = `file:${packed.tarball}`
    writeFileSync(file, JSON.stringify(written))
    const npm = (...words: string[]) => run('npm', words, { cwd: app })
    await npm('install', '--prefer-offline', '--no-audit', '--no-fund')
    const { stdout } = await npm('test')
    expect(stdout).toMatch(/pass 2\n/)
    await npm('run', 'check')

    const dev = startServer(['run', 'dev'], { program: ['npm'], directory: app })
    try {
      const url = await addressOf(dev)
      expect(await namesAt(url)).toEqual(['assistant'])
      await post(url, { id: 'old', message: 'My name is Ada.' })
      await writeFile(
        join(app, 'agents/poet.ts'),
        `import { defineAgent } from 'loomkit'
export const poet = defineAgent({ name: 'poet', systemPrompt: 'You write poems.' })
`,
      )
      await expect.poll(() => namesAt(url), { timeout: 60_000 }).toEqual(['assistant', 'poet'])
      expect(await post(url, { id: 'old', message: 'Who am I?' })).toContain('Ada')
      expect(await post(url, { agent: 'poet', message: 'My name is Bob.' })).toContain('Bob')
    } finally {
      // npm and the server, which is its child process.
      if (dev.child.pid !== undefined) process.kill(-dev.child.pid, 'SIGTERM')
    }
    await dev.ended
  }, 300_000)
})
