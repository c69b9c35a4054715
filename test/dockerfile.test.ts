/**
 * The Dockerfile without a Docker engine: its steps run in folders. The folders contain only the
 * copied files, so the tests fail if the image lacks a file or a package that the server needs.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { testFolder } from './artefacts/test-folder.ts'
import { pinnedImages } from './balancers/base-images.ts'
import { loom, root, start, tidy } from './cli/command.ts'
import { type RunningRedis, startRedis } from './redis/redis.ts'
import { until } from './redis/until.ts'

/** The parts of a CycloneDX list that this project needs. */
const bill = z.object({
  bomFormat: z.literal('CycloneDX'),
  components: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      purl: z.string().startsWith('pkg:npm/'),
      hashes: z.tuple([z.object({ alg: z.literal('SHA-512'), content: z.hex().length(128) })]),
      licenses: z.array(z.object({})).min(1),
    }),
  ),
})

const lines = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replaceAll(/\s*\\\n\s*/g, ' ')
  .split('\n')

interface Step {
  instruction: string
  words: string
}

/** The steps of each stage. */
const stages: Step[][] = []
for (const line of lines) {
  const [, instruction = '', words = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
  if (instruction === 'FROM') stages.push([])
  stages.at(-1)?.push({ instruction, words })
}
const [packages = [], image = []] = stages

const wordsOf = (stage: Step[], instruction: string): string[] =>
  stage.filter((step) => step.instruction === instruction).map(({ words }) => words)

/** The files that `.dockerignore` admits: it lists them. */
const admitted = readFileSync(join(root, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1))

const { path } = testFolder()
const built = join(path, 'packages')
const folder = join(path, 'loom')

/**
 * Runs the COPY steps of a stage like Docker: a target that ends with `/`, or has several sources,
 * is a folder.
 */
async function copyAll(stage: Step[], into: string): Promise<void> {
  await mkdir(into)
  for (const words of wordsOf(stage, 'COPY')) {
    const all = words.split(' ')
    const isFromPackages = all[0] === '--from=packages'
    if (isFromPackages) all.shift()
    const target = all.pop() ?? ''
    for (const source of all) {
      if (!isFromPackages) expect(admitted).toContain(source.split('/')[0])
      // The image's Node. The test takes its own.
      if (isFromPackages && !source.startsWith('/loom/')) {
        expect([source, target]).toEqual(['/node', '/usr/local/bin/node'])
        continue
      }
      const from = isFromPackages
        ? join(built, source.replace(/^\/loom\//, ''))
        : join(root, source)
      const to = target.endsWith('/') ? join(into, target, source.split('/').at(-1) ?? '') : target
      await cp(from, join(to.startsWith('/') ? '' : into, to), { recursive: true })
    }
  }
}

const environment = () => ({
  // The image's own Node.
  PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
  HOME: path,
  ...Object.fromEntries(
    wordsOf(image, 'ENV').flatMap((words) => words.split(' ').map((word) => word.split('='))),
  ),
})

/** Reads the JSON list of a CMD or a HEALTHCHECK. */
const argv = (words: string): [string, ...string[]] => JSON.parse(words.replace(/^[^[]*/, ''))

it('each base image of the build and of the compose file has a digest', () => {
  expect(pinnedImages().map(({ variable, name }) => [variable, name])).toEqual([
    ['NODE_IMAGE', 'node:26-slim'],
    ['DEBIAN_IMAGE', 'debian:bookworm-slim'],
    ['REDIS_IMAGE', 'redis:7-alpine'],
    ['NGINX_IMAGE', 'nginx:1-alpine'],
  ])
})

/** The packages in a folder, each as `name@version`. */
function packagesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'))
  return names.flatMap((name) => {
    const path = join(folder, name)
    if (name.startsWith('@')) return packagesIn(path)
    const inner = join(path, 'node_modules')
    const { name: full, version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
    return [`${full}@${version}`, ...(existsSync(inner) ? packagesIn(inner) : [])]
  })
}

describe('the image', () => {
  let redis: RunningRedis

  beforeAll(async () => {
    redis = await startRedis()
    await copyAll(packages, built)
    const [install = ''] = wordsOf(packages, 'RUN')
    const { PATH } = environment()
    // npm takes downloaded packages from its cache.
    const env = {
      ...process.env,
      PATH,
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
    }
    await promisify(execFile)('sh', ['-ec', install], { cwd: built, env })
    await copyAll(image, folder)
  }, 180_000)
  afterEach(tidy)
  afterAll(() => redis[Symbol.asyncDispose]())

  it('the image has the needed packages and no others', async () => {
    const { devDependencies }: { devDependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )
    const there = await readdir(join(folder, 'node_modules'))
    expect(there.filter((name) => name in devDependencies)).toEqual([])
    expect(there.filter((name) => name.startsWith('node-'))).toEqual([])
    expect(readdirSync(join(folder, 'node_modules/@vscode')).length).toBe(2)
  })

  it('the image has a list of its packages, with licences and checksums', () => {
    const list = bill.parse(JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')))
    const listed = list.components.map(({ name, version }) => `${name}@${version}`)
    expect(listed.toSorted()).toEqual(packagesIn(join(folder, 'node_modules')).toSorted())
    expect(listed.length).toBeGreaterThan(30)
  })

  it('the image serves playground, coder and Redis sessions', async () => {
    const [words = ''] = wordsOf(image, 'CMD')
    const server = start([], {
      program: argv(words),
      directory: folder,
      environment: {
        ...environment(),
        PORT: '0',
        LOOM_API_KEYS: 'a-long-secret',
        LOOM_AGENTS: 'assistant,coder',
        LOOM_SANDBOX: 'none',
        REDIS_URL: redis.url,
      },
    })
    await until(20_000, 'the greeting', () => /curl -N/.test(server.stdout))
    const [, port = ''] = /http:\/\/\S+?:(\d+)/.exec(server.stdout) ?? []
    const [probe = ''] = wordsOf(image, 'HEALTHCHECK')
    const [program, ...rest] = argv(probe.slice(probe.indexOf('CMD')))
    const health = spawnSync(program, rest, { env: { ...environment(), PORT: port } })
    expect(health.status).toBe(0)
    const url = `http://127.0.0.1:${port}`
    expect(await (await fetch(url)).text()).toContain('<!doctype html>')
    const answer = await fetch(`${url}/api/agents/coder/chat`, {
      method: 'POST',
      headers: { authorization: 'Bearer a-long-secret' },
      body: JSON.stringify({ message: 'Use grep {"pattern":"defineAgent","path":"agents"}' }),
    })
    expect(await answer.text()).toContain('agents/assistant.ts')
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('the image has the list of models', async () => {
    const [program, file = ''] = argv(wordsOf(image, 'CMD')[0] ?? '')
    const { stdout } = await loom(['models', 'sonnet'], {
      program: [program, file],
      directory: folder,
      environment: { ...environment(), LOOM_MODELS_URL: 'none' },
    })
    expect(stdout).toContain('anthropic/claude-sonnet')
  })
})
