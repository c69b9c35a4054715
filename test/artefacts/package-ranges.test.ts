/**
 * The package at the lower ends of its ranges: the oldest versions of its peers, and the oldest
 * Node.js. The lock file has the newest versions, so all other tests are tests of the upper ends.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { loom, root, tidy } from '../cli/command.ts'
import { hasNodeVersions, nodeOfVersion } from './node-version.ts'
import { install, pack, packMs, type Packed } from './packed.ts'
import { testFolder } from './test-folder.ts'

const run = promisify(execFile)
const { path: project } = testFolder()
let packed: Packed

/** The first version of each range: `^3.25.76 || ^4.1.8` begins with 3.25.76. */
const { peerDependencies, engines } = z
  .object({
    peerDependencies: z.record(z.string(), z.string()),
    engines: z.object({ node: z.string() }),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
const lowest = Object.entries(peerDependencies).map(
  ([name, range]) => `${name}@${/\d+\.\d+\.\d+/.exec(range)?.[0]}`,
)
const oldestNode = engines.node.replace('>=', '')

beforeAll(async () => {
  packed = await pack()
  await install(project, [packed.tarball, ...lowest])
}, packMs)
afterEach(tidy)

/** A program of a user: a zod schema, a tool of the AI SDK, and routes in a Hono app. */
const program = `
import { tool } from 'ai'
import { Hono } from 'hono'
import { defineAgent, defineTool, Loom, run, type RunResult } from 'loomkit'
import { sessionRoutes, streamAgent } from 'loomkit/hono'
import { z } from 'zod'

const double = defineTool({
  name: 'double',
  description: 'Doubles.',
  inputSchema: z.object({ text: z.string() }),
  retry: 'safe',
  execute: ({ text }) => text + text,
})
const triple = tool({
  description: 'Triples.',
  inputSchema: z.object({ text: z.string() }),
  execute: ({ text }) => text + text + text,
})
const doubler = defineAgent({
  name: 'doubler', systemPrompt: 'Double.', model: 'demo/fast', tools: [double],
})
const tripler = defineAgent({
  name: 'tripler', systemPrompt: 'Triple.', model: 'demo/fast', tools: { triple },
})
// @ts-expect-error an agent without a name
const wrong = () => defineAgent({ systemPrompt: 'x' })

const result: RunResult = await run(doubler, 'Use double for ha')
const loom = new Loom({ agents: [tripler] })
const app = new Hono()
app.route('/api', sessionRoutes(loom))
app.post('/one', async (c) => streamAgent(c, tripler, (await c.req.json()).messages))
const parts = [{ type: 'text', text: 'Use triple for ha' }]
const request = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ id: 'lesson', messages: [{ id: 'one', role: 'user', parts }] }),
}
const answers = [result.text]
for (const path of ['/api/chat', '/one']) answers.push(await (await app.request(path, request)).text())
await loom.close()
process.stdout.write(JSON.stringify([typeof wrong, ...answers]))
`

const answers = ['function', /haha/, /hahaha/, /hahaha/].map((part) =>
  typeof part === 'string' ? part : expect.stringMatching(part),
)

async function outputOf(node: string, words: readonly string[]): Promise<string> {
  return (await run(node, words, { cwd: project, maxBuffer: 1e7 })).stdout
}

describe('the oldest peers', () => {
  it('are those that are installed', () => {
    const installed = Object.keys(peerDependencies).map((name) => {
      const path = join(project, 'node_modules', name, 'package.json')
      const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'))
      return `${name}@${version}`
    })
    expect(installed).toEqual(lowest)
    expect(lowest.length).toBeGreaterThanOrEqual(3)
  })

  it('compile and run a program with tools and routes', async () => {
    writeFileSync(join(project, 'program.ts'), program)
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2024',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    }
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['program.ts'] }),
    )
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const checked = await outputOf(process.execPath, [compiler, '-p', project]).catch(
      (error: { stdout: string }) => error.stdout,
    )
    expect(checked).toBe('')
    expect(JSON.parse(await outputOf(process.execPath, ['program.ts']))).toEqual(answers)
  })

  it('have every export that a module of the package imports', async () => {
    // Static imports of missing names fail, and so do schemas with missing methods.
    const failures = await outputOf(process.execPath, [
      '--input-type=module',
      '--eval',
      `
      import { readdirSync } from 'node:fs'
      import { join } from 'node:path'
      const folder = join(process.cwd(), 'node_modules/loomkit/dist/library')
      const failures = []
      // These files are for browsers, and this one is a program.
      const isLeft = (path) => path.startsWith('web/') || path.endsWith('registry/update.js')
      const paths = readdirSync(folder, { recursive: true })
      for (const path of paths.filter((path) => path.endsWith('.js') && !isLeft(path)))
        await import(join(folder, path)).catch((error) => failures.push(path + ': ' + error.message))
      process.stdout.write(JSON.stringify([paths.length > 500, ...failures]))
    `,
    ])
    expect(JSON.parse(failures)).toEqual([true])
  })
})

describe.skipIf(!hasNodeVersions)('the oldest Node', () => {
  it(
    'runs the command and a program',
    async () => {
      const node = await nodeOfVersion(oldestNode)
      const bin = join(project, 'node_modules/loomkit/bin/loom.mjs')
      const ended = await loom(['What is 6 * 7?'], { program: [node, bin], directory: project })
      expect(ended).toMatchObject({ code: 0, stdout: '6 × 7 = **42**\n' })
      writeFileSync(join(project, 'program.ts'), program)
      expect(JSON.parse(await outputOf(node, ['program.ts']))).toEqual(answers)
    },
    packMs,
  )

  it(
    'runs the sources of a checkout',
    async () => {
      const node = await nodeOfVersion(oldestNode)
      const program = [node, join(root, 'bin/loom.mjs')]
      const ended = await loom(['What is 6 * 7?'], { program, directory: project })
      expect(ended).toMatchObject({ code: 0, stdout: '6 × 7 = **42**\n' })
      const sources = `
        import { readdirSync } from 'node:fs'
        import { join } from 'node:path'
        const failures = []
        // The entry for React needs a package of the application, which a checkout has under other names.
        const isLeft = (path) => /(?:^|\\/)(?:template\\/|update\\.ts$)|^main\\.ts$|^entries\\/react\\.ts$/.test(path)
        for (const folder of ['src', 'routes', 'agents', 'tools']) {
          const paths = readdirSync(join('${root}', folder), { recursive: true })
          for (const path of paths.filter((path) => path.endsWith('.ts') && !isLeft(path)))
            await import(join('${root}', folder, path)).catch((error) => failures.push(path + ': ' + error.message))
        }
        process.stdout.write(JSON.stringify(failures))
      `
      const words = ['--no-warnings', '--input-type=module', '--eval', sources]
      expect(JSON.parse(await outputOf(node, words))).toEqual([])
    },
    packMs,
  )
})

describe.skipIf(!hasNodeVersions)('an older Node', () => {
  const older = '20.19.0'

  it(
    'gets one line from the command and from an import',
    async () => {
      const node = await nodeOfVersion(older)
      const bin = join(project, 'node_modules/loomkit/bin/loom.mjs')
      const ended = await loom(['Hello'], { program: [node, bin], directory: project })
      expect(ended).toMatchObject({ code: 3, stdout: '' })
      expect(ended.stderr).toMatch(
        /^Loom needs Node 22\.19 or newer; this is 20\.19\.0\. .*nodejs\.org.*\n$/,
      )
      for (const entry of ['', '/hono', '/mcp', '/redis', '/testing', '/tools']) {
        const text = `import('loomkit${entry}').catch((error) => console.log(error.message))`
        expect(await outputOf(node, ['--eval', text]), entry).toBe(
          'Loom needs Node 22.19 or newer; this is 20.19.0. Install a newer Node from https://nodejs.org.\n',
        )
      }
    },
    packMs,
  )
})
