/** The data of earlier versions is read and goes on, and that of a later version is refused. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { lineOf } from '../../src/store/file/record.ts'
import { latestFormat as latestFileFormat } from '../../src/store/file/stored.ts'
import { latestFormat, storeFormat } from '../../src/store/redis/format.ts'
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
    // The conversations go on in the latest form.
    const environment = { REDIS_URL: redis.url, LOOM_ROLLBACK_TIME: '0' }
    return { environment, expected: data.seen }
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

async function openRedis() {
  const redis = await startRedis()
  onTestFinished(() => redis[Symbol.asyncDispose]())
  return { redis, environment: { REDIS_URL: redis.url } }
}

describe('data of a later version', () => {
  it('in a Redis end the start of a server', async () => {
    const { redis, environment } = await openRedis()
    await redis.client.set('loom:{instances}:format', latestFormat + 1)
    await expect(openScene(environment, { isHeld: false })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(/^A later version of Loom uses this Redis: .* format 4, /),
    })
  })

  it('that come to a Redis end the heartbeat of a server, and it stays in no register', async () => {
    const { redis, environment } = await openRedis()
    await using scene = await openScene(environment, { isHeld: false })
    await until(5000, 'the first heartbeat', () => isReady(scene))
    expect(await redis.client.get('loom:{instances}:format')).toBe(String(storeFormat))
    await redis.client.set('loom:{instances}:format', latestFormat + 1)
    await until(10_000, 'the server is not ready', async () => !(await isReady(scene)))
    expect(scene.server.reported.map(String)).toContainEqual(
      expect.stringContaining('A later version of Loom uses this Redis'),
    )
    expect(await redis.client.get('loom:{instances}:format')).toBe(String(latestFormat + 1))
  })

  it('in a session are refused on every route, listed as unknown, and not changed', async () => {
    const { redis, environment } = await openRedis()
    await using scene = await openScene(environment, { isHeld: false })
    const post = (id: string) =>
      scene.send('POST', '/api/chat', { id, message: 'One.' }, { accept: 'application/json' })
    await post('now')
    await post('later')
    expect(await redis.client.hget('loom:{later}:session', 'v')).toBe(String(storeFormat))
    await redis.client.hset('loom:{later}:session', {
      v: latestFormat + 1,
      state: 'running',
      claim: 1,
    })
    await redis.client.sadd('loom:{instances}:noted:dead', 'later')
    await redis.client.zadd('loom:{instances}:register', 1, 'dead')
    await until(10_000, 'the sessions of the dead instance are adopted', async () => {
      return (await redis.client.exists('loom:{instances}:noted:dead')) === 0
    })
    const before = await redis.client.hgetall('loom:{later}:session')
    for (const [method, path, body] of [
      ['GET', ''],
      ['GET', '/messages'],
      ['GET', '/stream'],
      ['GET', '/queue'],
      ['POST', '/stop', {}],
      ['POST', '/fork', {}],
      ['DELETE', ''],
    ] as const) {
      await expect(scene.send(method, `/api/chat/later${path}`, body)).rejects.toThrow(
        /: 503 The stored state of this session is not known to this version of Loom/,
      )
    }
    await expect(post('later')).rejects.toThrow(/: 503 /)
    const { sessions } = JSON.parse((await scene.send('GET', '/api/chat')).text)
    const states = sessions.map(({ id, state }: Record<string, string>) => `${id} ${state}`)
    expect(states.toSorted()).toEqual(['later unknown', 'now idle'])
    expect(await redis.client.hgetall('loom:{later}:session')).toEqual(before)
  })

  it('in a log are refused', async () => {
    const { redis, environment } = await openRedis()
    await using scene = await openScene(environment, { isHeld: false })
    await scene.send('POST', '/api/chat', { id: 'c', message: 'One.' })
    const logId = (await scene.server.loom.sessions.session('c'))?.turn?.logId ?? ''
    await redis.client.xadd(`loom:{c}:log:${logId}`, '9999999999999-1', 'e2', '[]')
    await expect(scene.server.loom.sessions.readers.entries('c', logId)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('A later version of Loom wrote this log'),
    })
  })

  it('in a folder end the start of a server', async () => {
    const folder = await newFolder()
    const environment = { LOOM_STORE: 'file', LOOM_DATA: folder }
    {
      await using scene = await openScene(environment, { isHeld: false })
      await scene.send('POST', '/api/chat', { id: 'c', message: 'One.' })
    }
    const [name = ''] = await readdir(join(folder, 'sessions'))
    const path = join(folder, 'sessions', name)
    const [, ...lines] = (await readFile(path, 'utf8')).split('\n')
    // The changes refer to messages of a kind that this version does not know. It reads no more than the head.
    const rest = lines.map((line) =>
      line[8] === 'm' ? lineOf('x', line.slice(9)).trimEnd() : line,
    )
    expect(rest).not.toEqual(lines)
    const head = lineOf('h', JSON.stringify({ format: latestFileFormat + 1, id: 'c' }))
    await writeFile(path, head + rest.join('\n'))
    {
      // The index of the folder does not show the format of a file, so the first use does.
      await using scene = await openScene(environment, { isHeld: false })
      await expect(scene.send('GET', '/api/chat/c/messages')).rejects.toThrow(
        /: 503 .*was written by a later version of Loom/,
      )
      expect(await readFile(path, 'utf8')).toBe(head + rest.join('\n'))
    }
    await rm(join(folder, 'index'))
    await expect(openScene(environment, { isHeld: false })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('was written by a later version of Loom'),
    })
  })
})

const isReady = async ({ server }: Scene): Promise<boolean> =>
  (await fetch(`${server.url}/readyz`)).status === 200

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
