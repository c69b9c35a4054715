/**
 * `docker-compose.yml` and the `Dockerfile`, unchanged, under a real Docker engine, with base images
 * of the test. If no engine can run here, the test reports it; `programs.test.ts` runs the same cases with processes on every
 * machine.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort, localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'
import { type Compose, composeWith } from './compose.ts'
import { type Engine, engineFault, sharedData, startEngine } from './engine.ts'
import { passesKill, passesRoll, settings, type Topology } from './trial.ts'

const key = 'a-long-secret'
const minutes = 60_000

const fault = await engineFault()
if (fault !== undefined) {
  process.stderr.write(
    `No Docker engine runs here: ${fault.reason}. The topology runs as processes.\n`,
  )
}
const mustRun = fault?.isMissing === true && process.env['CI'] !== undefined

describe.skipIf(fault !== undefined && !mustRun)('under a Docker engine', () => {
  let stack: AsyncDisposableStack
  let engine: Engine
  let topology: Topology
  let compose: Compose

  beforeAll(async () => {
    await using opening = new AsyncDisposableStack()
    engine = opening.use(await startEngine(sharedData))
    const port = String(await freePort())
    compose = await composeWith(engine, {
      LOOM_API_KEYS: key,
      LOOM_MODEL: 'demo/echo',
      PORT: port,
      ...settings,
    })
    opening.defer(async () => void (await compose('down', '--volumes', '--timeout', '1')))
    await compose('up', '--detach', '--build')
    topology = await topologyOf(engine, `http://${localhost}:${port}`)
    stack = opening.move()
  }, 12 * minutes)
  afterAll(() => stack?.disposeAsync(), 2 * minutes)

  it('the image is at most 250 MB, of which Debian has 75', async () => {
    const sizeOf = async (image: string) =>
      Number(await engine.docker('image', 'inspect', '--format', '{{.Size}}', image))
    const container = await containerOf(engine.docker, 'loom-1')
    const image = await engine.docker('inspect', '--format', '{{.Image}}', container)
    const added = (await sizeOf(image)) - (await sizeOf('debian:bookworm-slim'))
    expect(added / 1e6).toBeGreaterThan(50)
    expect(added / 1e6).toBeLessThan(175)
  })

  it('the server runs without root, without capabilities and without a writable root', async () => {
    const container = await containerOf(engine.docker, 'loom-1')
    const inside = (script: string) => engine.docker('exec', container, 'sh', '-c', script)
    expect(await inside('id -u')).toBe('1000')
    const status = await inside('grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/1/status')
    expect(status.replaceAll('\t', ' ').split('\n')).toEqual([
      'CapEff: 0000000000000000',
      'CapBnd: 0000000000000000',
      'NoNewPrivs: 1',
    ])
    for (const folder of ['/loom', '/data', '/home/node', '/etc'])
      expect(await inside(`touch ${folder}/x 2>/dev/null || echo refused`)).toBe('refused')
    expect(await inside('touch /tmp/x && echo written')).toBe('written')
    const { docker } = engine
    await until(30_000, 'the container is healthy', async () => {
      const state = await docker('inspect', '--format', '{{.State.Health.Status}}', container)
      return state === 'healthy'
    })
    expect(await docker('logs', container)).not.toMatch(/EROFS|read-only/i)
  })

  it('answers continue within 4 s after a killed container', { timeout: 3 * minutes }, async () => {
    await passesKill(topology, { gapMs: 4000 })
  })

  it(
    'answers continue within 0.6 s during a rolling restart',
    { timeout: 3 * minutes },
    async () => {
      await passesRoll(topology, { gapMs: 600 })
    },
  )

  it(
    'the balancer finds recreated instances under new addresses',
    { timeout: 3 * minutes },
    async () => {
      const before = await addressesOf(engine)
      await compose('rm', '--stop', '--force', 'loom-1', 'loom-2')
      // These containers take the addresses that are free now.
      const sleepers = ['run', '--detach', '--network', 'loomtest_default', 'nginx:1-alpine']
      const run = () => engine.docker(...sleepers, 'sleep', '600')
      const others = await Promise.all(before.map(run))
      await compose('up', '--detach', '--no-deps', 'loom-1', 'loom-2')
      await engine.docker('rm', '--force', ...others)
      const after = await addressesOf(engine)
      expect(after.filter((address) => before.includes(address))).toEqual([])
      await until(30_000, 'the balancer passes requests on', () => isReady(topology.url))
      const headers = { authorization: `Bearer ${key}` }
      expect((await fetch(`${topology.url}/api/chat`, { headers })).status).toBe(200)
    },
  )
})

/** The addresses of the instances in the network of the compose file. */
async function addressesOf({ docker }: Engine): Promise<string[]> {
  const ids = await Promise.all(names.map((name) => containerOf(docker, name)))
  return Promise.all(ids.map((id) => addressOf(docker, id)))
}

const addressOf = (docker: Engine['docker'], id: string): Promise<string> =>
  docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id)

const names = ['loom-1', 'loom-2']

const containerOf = (docker: Engine['docker'], name: string): Promise<string> =>
  docker('ps', '--all', '--quiet', '--filter', `label=com.docker.compose.service=${name}`)

const isReady = async (url: string): Promise<boolean> =>
  (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200

async function topologyOf({ docker }: Engine, url: string): Promise<Topology> {
  const container = (index: number) => containerOf(docker, names[index] ?? '')
  const start = async (index: number) => {
    const id = await container(index)
    await docker('start', id)
    // The health check of the image comes only after 10 s.
    const server = `http://${await addressOf(docker, id)}:3000`
    await until(60_000, `${names[index]} is ready`, () => isReady(server))
  }
  await until(30_000, 'the balancer passes requests on', () => isReady(url))
  return {
    url,
    key,
    kill: async (index) => void (await docker('kill', await container(index))),
    stop: async (index) => void (await docker('stop', '--time', '15', await container(index))),
    start,
    async evaluate(script, argument) {
      const redis = await containerOf(docker, 'redis')
      return docker('exec', redis, 'redis-cli', 'EVAL', script, '0', argument)
    },
  }
}
