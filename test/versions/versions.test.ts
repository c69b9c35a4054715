/** The data of earlier versions is read and goes on, and that of a later version is refused. */
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { newFolder } from '../store/stored-folder.ts'
import { writeKeys } from './redis-data.ts'
import { openScene, type Scene, seen } from './scene.ts'

const versions = (await readdir(import.meta.dirname, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

const redisFixture = z.object({
  keys: z.array(z.object({ key: z.string(), type: z.string(), values: z.array(z.string()) })),
  seen: z.unknown(),
})

const fixture = async (version: string, name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(import.meta.dirname, version, name), 'utf8'))

interface Stored {
  environment: Record<string, string>
  /** What the version that wrote the data showed of it. */
  expected: unknown
}

const stores = {
  async files(version: string): Promise<Stored> {
    const folder = await newFolder()
    await cp(join(import.meta.dirname, version, 'files'), folder, { recursive: true })
    const environment = { LOOM_STORE: 'file', LOOM_DATA: folder, LOOM_SESSION_TTL: '315360000' }
    return { environment, expected: await fixture(version, 'files.json') }
  },
  async Redis(version: string): Promise<Stored> {
    const redis = await startRedis()
    onTestFinished(() => redis[Symbol.asyncDispose]())
    const data = redisFixture.parse(await fixture(version, 'redis.json'))
    await writeKeys(redis.client, data.keys)
    return { environment: { REDIS_URL: redis.url }, expected: data.seen }
  },
}

const cases = versions.flatMap((version) =>
  (['files', 'Redis'] as const).map((store) => ({ version, store })),
)

/** Opens a server on the data of a version. The model of a running turn waits first. */
async function replay(version: string, store: keyof typeof stores, isHeld: boolean) {
  const { environment, expected } = await stores[store](version)
  const scene = await openScene(environment, { isHeld })
  onTestFinished(() => scene[Symbol.asyncDispose]())
  return { scene, expected }
}

const stateOf = async ({ send }: Scene, id: string): Promise<unknown> =>
  Object(JSON.parse((await send('GET', `/api/chat/${id}`)).text)).state

it('there is a fixture of the released version', () => {
  expect(versions).toContain('0.1')
})

describe.each(cases)('the $store of version $version', ({ version, store }) => {
  it('show the same conversations', async () => {
    const { scene, expected } = await replay(version, store, true)
    expect(await seen(scene)).toEqual(expected)
    const { sessions } = JSON.parse((await scene.send('GET', '/api/chat')).text)
    expect(sessions.map(({ id }: { id: string }) => id).toSorted()).toEqual([
      'copied',
      'finished',
      'running',
      'waiting',
    ])
  })

  it('go on: a turn that ran, a queued message, an approval, a new message', async () => {
    const { scene } = await replay(version, store, false)
    await until(15_000, 'the turn and the queue behind it have ended', async () => {
      return (await stateOf(scene, 'running')) === 'idle'
    })
    const { text } = await scene.send('GET', '/api/chat/running/messages')
    expect(text).toContain('on and on.')
    expect(text).toContain('You said: And then?')
    expect(await stateOf(scene, 'waiting')).toBe('waiting')
    const { waitsFor } = JSON.parse((await scene.send('GET', '/api/chat/waiting')).text)
    const [{ approvalId }] = waitsFor
    const accept = { accept: 'application/json' }
    const path = `/api/chat/waiting/approvals/${encodeURIComponent(approvalId)}`
    const answered = await scene.send('POST', path, { approved: true }, accept)
    expect(JSON.parse(answered.text)).toMatchObject({ text: 'It is removed.', state: 'idle' })
    expect(scene.removed).toEqual(['/a'])
    const next = { id: 'finished', message: 'Four.' }
    const said = await scene.send('POST', '/api/chat', next, accept)
    expect(JSON.parse(said.text)).toMatchObject({ text: 'You said: Four.' })
  })
})
