/**
 * The packed library in other servers, bundlers and runtimes. Each test builds the files of
 * `docs/deployment.md`, starts them, streams answers with a tool call, and stops them.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { buildMs } from '../artefacts/built.ts'
import { startRedis } from '../redis/redis.ts'
import { writeApp } from './app-files.ts'
import { expectAnswers, expectConversations, post } from './exchange.ts'
import { installRuntimes, packagePath, project } from './installed.ts'
import { type Provider, startProvider } from './provider.ts'
import { runProgram, startServer } from './server.ts'

/** The time limit of a test that also builds, on a busy machine. */
const slow = { timeout: 600_000 }

const mustRun = process.env['CI'] !== undefined
let lack: string | undefined

beforeAll(async () => {
  lack = await installRuntimes()
  if (lack !== undefined) process.stderr.write(`Runtimes are not tested: ${lack}\n`)
  if (lack !== undefined && mustRun) throw new Error(lack)
}, buildMs)

type Skip = (note: string) => void

/** Skips a test whose packages are missing. Under CI it runs and fails. */
function need(skip: Skip, file = packagePath('loomkit')): void {
  const reason = lack ?? (existsSync(file) ? undefined : `There is no ${file} for this system.`)
  if (reason === undefined) return
  if (mustRun) throw new Error(reason)
  process.stderr.write(`Not tested: ${reason}\n`)
  skip(reason)
}

/** The package of a program for this system, of which npm installs only one. */
function programIn(scope: string, prefix: string, path: string): string {
  const folder = packagePath(scope)
  const names = existsSync(folder) ? readdirSync(folder) : []
  return join(folder, names.find((name) => name.startsWith(prefix)) ?? prefix, path)
}

const modelAt = ({ baseUrl }: Provider) => ({ LOCAL_BASE_URL: baseUrl })
const at = (url: string) => ({ answer: `${url}/answer`, chat: `${url}/api/chat` })

test('node:http serves Loom', async ({ skip }) => {
  need(skip)
  const provider = await startProvider()
  const server = await startServer({
    folder: writeApp(['node.js']),
    words: () => [execPath, 'node.js'],
    environment: modelAt(provider),
  })
  await expectConversations(at(server.url), provider)
  await server.stop()
})

const serverFrameworks = [
  {
    name: 'Express',
    file: 'express.js',
    mount: '/loom',
    withParser: (code: string) =>
      code.replace('const server = express()', '$&\nserver.use(express.json())'),
  },
  {
    name: 'Fastify',
    file: 'fastify.js',
    mount: '',
    withParser: (code: string) => code.replaceAll(/^ *scope\.(?:removeAll|addContent).*\n/gm, ''),
  },
]

test.for(serverFrameworks)('$name serves Loom', async ({ file, mount }, { skip }) => {
  need(skip)
  const provider = await startProvider()
  const server = await startServer({
    folder: writeApp([file]),
    words: () => [execPath, file],
    environment: modelAt(provider),
  })
  await expectConversations(at(server.url + mount), provider)
  await server.stop()
})

test.for(serverFrameworks)(
  'a body parser of $name in front of Loom gets a hint',
  async ({ file, mount, withParser }, { skip }) => {
    need(skip)
    const provider = await startProvider()
    const folder = writeApp([file], (code, name) => {
      const changed = name === file ? withParser(code) : code
      expect(changed === code).toBe(name !== file)
      return changed
    })
    const server = await startServer({
      folder,
      words: () => [execPath, file],
      environment: modelAt(provider),
    })
    const response = await post(`${server.url}${mount}/api/chat`, { id: 'one', message: 'Hello' })
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      error: { code: 'invalid-config', message: expect.stringContaining('express.json()') },
    })
    const answer = await post(`${server.url}${mount}/answer`, { messages: [] })
    expect([answer.status, await answer.text()]).toEqual([
      500,
      expect.stringContaining('express.json()'),
    ])
    await server.stop()
  },
)

test('Next.js builds and serves Loom', slow, async ({ skip }) => {
  const next = packagePath('next/dist/bin/next')
  need(skip, next)
  const provider = await startProvider()
  const folder = writeApp(['app/api/chat/[[...path]]/route.js', 'app/answer/route.js'])
  await runProgram([execPath, next, 'build'], folder)
  const server = await startServer({
    folder,
    words: (port) => [execPath, next, 'start', '--port', String(port)],
    environment: modelAt(provider),
  })
  await expectConversations(at(server.url), provider)
  await server.stop()
})

const workers = [
  { name: 'a Worker', files: ['worker.js', 'wrangler.jsonc'], expectAll: expectAnswers },
  {
    name: 'a Durable Object',
    files: ['sessions.js', 'wrangler.sessions.jsonc'],
    expectAll: expectConversations,
  },
]

test.for(workers)('$name serves Loom', slow, async ({ files, expectAll }, { skip }) => {
  need(skip, programIn('@cloudflare', 'workerd-', 'bin/workerd'))
  const provider = await startProvider()
  // `wrangler dev` reports that a client has left only after its second write to that client, which
  // is the second comment.
  const folder = writeApp(files, (code, name) => {
    if (name !== 'app.js') return code
    const changed = code.replace(
      'streamAgent(c, tutor)',
      'streamAgent(c, tutor, undefined, { keepAliveMs: 500 })',
    )
    expect(changed).not.toBe(code)
    return changed
  })
  const server = await startServer({
    folder,
    words: (port) => [
      execPath,
      packagePath('wrangler/bin/wrangler.js'),
      'dev',
      `--config=${files[1]}`,
      '--ip=127.0.0.1',
      `--port=${port}`,
      `--var=LOCAL_BASE_URL:${provider.baseUrl}`,
    ],
    environment: { XDG_CONFIG_HOME: folder },
  })
  await expectAll(at(server.url), provider)
  await server.stop()
})

test('Bun serves Loom', async ({ skip }) => {
  const bun = programIn('@oven', 'bun-', 'bin/bun')
  need(skip, bun)
  const provider = await startProvider()
  const server = await startServer({
    folder: writeApp(['bun.js']),
    words: () => [bun, 'run', 'bun.js'],
    environment: modelAt(provider),
  })
  await expectConversations(at(server.url), provider)
  await server.stop()
})

test('Deno serves Loom', async ({ skip }) => {
  const deno = programIn('@deno', '', 'deno')
  need(skip, deno)
  const provider = await startProvider()
  const server = await startServer({
    folder: writeApp(['deno.js']),
    words: () => [deno, 'run', '--allow-all', 'deno.js'],
    environment: { ...modelAt(provider), DENO_DIR: join(project, 'deno') },
  })
  await expectConversations(at(server.url), provider)
  await server.stop()
})

const esbuild = (...words: readonly string[]) => [
  execPath,
  packagePath('esbuild/bin/esbuild'),
  'node.js',
  '--bundle',
  '--minify',
  '--platform=node',
  '--format=esm',
  '--outfile=server.mjs',
  '--log-level=error',
  ...words,
]
const banner =
  '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'

/** An app with its sessions in Redis. */
const withRedis = (code: string) =>
  code
    .replace('import { Loom,', 'import { Loom, openRedisStore,')
    .replace(
      '{ agents: [tutor] }',
      '{ agents: [tutor], store: await openRedisStore({ url: process.env.REDIS_URL }) }',
    )

const alone = mkdtempSync(join(tmpdir(), 'loom-bundle-'))
afterAll(() => rmSync(alone, { recursive: true, force: true }))

test('one file of esbuild serves Loom on Redis', async ({ skip }) => {
  need(skip)
  const provider = await startProvider()
  await using redis = await startRedis()
  const folder = writeApp(['node.js'], withRedis)
  await runProgram(esbuild(banner), folder)
  copyFileSync(join(folder, 'server.mjs'), join(alone, 'server.mjs'))
  const start = () =>
    startServer({
      folder: alone,
      words: () => [execPath, 'server.mjs'],
      environment: { ...modelAt(provider), REDIS_URL: redis.url },
    })
  const server = await start()
  await expectConversations(at(server.url), provider)
  await server.stop()
  const next = await start()
  const messages = await fetch(`${next.url}/api/chat/one/messages`)
  expect(await messages.json()).toHaveLength(2)
  await next.stop()
})

test('a bundle without require says what to add', async ({ skip }) => {
  need(skip)
  const folder = writeApp(['node.js'], withRedis)
  await runProgram(esbuild(), folder)
  const environment = { REDIS_URL: 'redis://127.0.0.1:1' }
  await expect(runProgram([execPath, 'server.mjs'], folder, environment)).rejects.toThrow(
    /invalid-config[^]*createRequire/,
  )
})
