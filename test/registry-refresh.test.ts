/** Newer lists over real sockets, and their possible faults. */
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { type RefreshOutcome, Registry, type RegistryOptions } from '../src/model/registry.ts'
import { shippedCatalog } from '../src/model/registry/shipped.ts'
import { createModels } from '../src/model/resolve.ts'
import { within } from './deadline.ts'
import { upstream } from './fixtures/upstream.ts'
import { addressOf, endProcesses, startLoom } from './loom-process.ts'

const day = 24 * 60 * 60 * 1000

/** The list that is part of Loom in the form of models.dev, with replacements by the test. */
async function payload(change: Record<string, unknown> = {}, keep = 225): Promise<string> {
  const catalog = await shippedCatalog()
  const providers = [...catalog.providers.values()]
    .slice(0, keep)
    .map(({ id, name, env, npm, api }) => {
      const models = [...catalog.models(id)].map((model) => [
        model.id,
        {
          limit: { context: model.contextWindow },
          cost: model.price,
          provider: { api: model.api, npm: model.npm },
        },
      ])
      return [id, { id, name, env, npm, api, models: Object.fromEntries(models) }]
    })
  return JSON.stringify({ ...Object.fromEntries(providers), ...change })
}

const fresh = {
  id: 'fresh',
  name: 'Fresh',
  env: ['FRESH_API_KEY'],
  npm: '@ai-sdk/openai-compatible',
  api: 'https://api.fresh.example/v1',
  models: { 'new/model': { name: 'New', limit: { context: 1000, output: 10 } } },
}

interface Site {
  url: string
  requests: IncomingMessage[]
}

async function site(
  handle: (response: ServerResponse, request: IncomingMessage) => void,
): Promise<Site> {
  const requests: IncomingMessage[] = []
  const { baseUrl } = await upstream((response, request) => {
    requests.push(request)
    handle(response, request)
  })
  return { url: `${baseUrl}/api.json`, requests }
}

const cacheFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loom-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'nested', 'models.br')
}

/** A registry, and the outcome of each of its fetches. */
function opened(options: RegistryOptions) {
  const outcomes: RefreshOutcome[] = []
  const waiting: (() => void)[] = []
  const registry = new Registry({
    ...options,
    onRefresh(outcome) {
      outcomes.push(outcome)
      waiting.shift()?.()
    },
  })
  /** Asks a question, and waits for the fetch that it starts. */
  const refreshed = async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await registry.provider('openai')
    await within(8000, 'the end of a fetch', promise)
    return outcomes.at(-1)
  }
  return { registry, refreshed, outcomes }
}

describe('a newer list', () => {
  it('a newer list is used at once and requested with a name', async () => {
    const body = await payload({ fresh })
    const { url, requests } = await site((response) => void response.end(body))
    const { registry, refreshed } = opened({ url })
    expect(await registry.provider('fresh')).toBeUndefined()
    expect(await refreshed()).toEqual({ result: 'new' })
    expect(await registry.model('fresh', 'new/model')).toEqual({
      id: 'new/model',
      name: 'New',
      contextWindow: 1000,
      maxOutputTokens: 10,
    })
    expect(requests[0]?.headers['user-agent']).toBe('loom')
    expect(requests[0]?.headers['if-none-match']).toBeUndefined()
  })

  it('no question waits for a newer list', async () => {
    const { url } = await site(() => undefined)
    const stop = new AbortController()
    const { registry, refreshed, outcomes } = opened({ url, signal: stop.signal })
    const ended = refreshed()
    expect(await within(2000, 'an answer', registry.provider('groq'))).toMatchObject({ id: 'groq' })
    expect(outcomes).toEqual([])
    stop.abort()
    expect(await ended).toMatchObject({ result: 'failed' })
  })

  it('a newer list is fetched once, and again after a day', async () => {
    const body = await payload({ fresh })
    let now = Date.now()
    const { url, requests } = await site((response) => void response.end(body))
    const { registry, refreshed } = opened({ url, now: () => now })
    await Promise.all(Array.from({ length: 50 }, () => registry.provider('openai')))
    await refreshed()
    for (let index = 0; index < 50; index++) await registry.provider('openai')
    expect(requests).toHaveLength(1)
    now += day + 1
    await refreshed()
    expect(requests).toHaveLength(2)
  })

  it('the next process starts with the stored list', async () => {
    const body = await payload({ fresh })
    const cacheFile = await cacheFolder()
    const { url, requests } = await site((response) => void response.end(body))
    await opened({ url, cacheFile }).refreshed()
    const { registry, outcomes } = opened({ url, cacheFile })
    expect(await registry.provider('fresh')).toMatchObject({ name: 'Fresh' })
    expect(requests).toHaveLength(1)
    expect(outcomes).toEqual([])
    expect((await stat(cacheFile)).mode & 0o077).toBe(0)
    expect(await readdir(join(cacheFile, '..'))).toEqual(['models.br'])
    // A list from another address is another list.
    expect(
      await opened({ url: `${url}?other`, cacheFile }).registry.provider('fresh'),
    ).toBeUndefined()
  })

  it('an unchanged list is not sent twice', async () => {
    const body = await payload({ fresh })
    const cacheFile = await cacheFolder()
    const { url, requests } = await site((response, request) => {
      const isKnown = request.headers['if-none-match'] === '"v1"'
      response.writeHead(isKnown ? 304 : 200, { etag: '"v1"' }).end(isKnown ? undefined : body)
    })
    await opened({ url, cacheFile }).refreshed()
    const old = new Date(Date.now() - 2 * day)
    await utimes(cacheFile, old, old)
    const later = opened({ url, cacheFile })
    expect(await later.refreshed()).toEqual({ result: 'same' })
    expect(requests[1]?.headers['if-none-match']).toBe('"v1"')
    expect(await later.registry.provider('fresh')).toMatchObject({ name: 'Fresh' })
    expect((await stat(cacheFile)).mtimeMs).toBeGreaterThan(old.getTime() + day)
  })

  it('concurrent writes always leave a whole file', async () => {
    const body = await payload({ fresh })
    const cacheFile = await cacheFolder()
    const { url } = await site((response) => void response.end(body))
    await Promise.all(Array.from({ length: 4 }, () => opened({ url, cacheFile }).refreshed()))
    expect(await readdir(join(cacheFile, '..'))).toEqual(['models.br'])
    expect(await opened({ url, cacheFile }).registry.provider('fresh')).toBeDefined()
  })

  it('a newer list is used without a writable file', async () => {
    const body = await payload({ fresh })
    const { url } = await site((response) => void response.end(body))
    const { registry, refreshed } = opened({ url, cacheFile: '/dev/null/loom/models.br' })
    expect(await refreshed()).toEqual({ result: 'new' })
    expect(await registry.provider('fresh')).toBeDefined()
  })

  it.each([
    ['cut', (whole: Buffer) => whole.subarray(0, 1000)],
    ['empty', () => Buffer.alloc(0)],
    ['nonsense', () => Buffer.from('<html>')],
  ])('the list is fetched again if the file is %s', async (_how, spoil) => {
    const body = await payload({ fresh })
    const cacheFile = await cacheFolder()
    const { url } = await site((response) => void response.end(body))
    await opened({ url, cacheFile }).refreshed()
    await writeFile(cacheFile, spoil(await readFile(cacheFile)))
    const { registry, refreshed } = opened({ url, cacheFile })
    expect(await registry.provider('openai')).toBeDefined()
    await refreshed()
    expect(await opened({ url, cacheFile }).registry.provider('fresh')).toBeDefined()
  })
})

describe('a provider that is only in a newer list', () => {
  // The list may hold addresses on this machine, which need no key.
  const withHere = () =>
    payload({ here: { api: 'http://127.0.0.1:1/v1', models: { 'here/model': {} } } })

  it('a new provider is found while its list is fetched', async () => {
    const body = await withHere()
    const { url } = await site((response) => void setImmediate(() => response.end(body)))
    const models = createModels({ environment: {}, registry: new Registry({ url }) })
    expect(await models.resolve('here/model')).toMatchObject({ provider: 'here' })
    await expect(models.resolve('heer/model')).rejects.toThrow('Did you mean "here"?')
  })

  it('a new provider is there for the server and the search', async () => {
    onTestFinished(endProcesses)
    const body = await withHere()
    const { url, requests } = await site((response) => void response.end(body))
    const folder = await cacheFolder()
    const environment = { LOOM_MODELS_URL: url, XDG_CACHE_HOME: folder }
    const list = startLoom(environment, ['models', 'here/model'])
    expect(await list.exited).toBe(0)
    expect(list.output().stdout).toContain('\nhere/here/model ')
    await addressOf(startLoom({ ...environment, LOOM_MODEL: 'here/here/model' }))
    expect(requests).toHaveLength(1)
  })

  it('a search does not wait long for a newer list', async () => {
    onTestFinished(endProcesses)
    const { url } = await site(() => undefined)
    const list = startLoom({ LOOM_MODELS_URL: url }, ['models', 'gpt-5'])
    expect(await within(9000, 'the list', list.exited)).toBe(0)
    expect(list.output().stdout).toContain('openai/gpt-5 ')
  })
})

describe('an answer that is not a newer list', () => {
  it.each<[string, (response: ServerResponse, whole: string, half: string) => void]>([
    ['is late', (response) => void response.writeHead(200).write('{')],
    ['is an error', (response) => void response.writeHead(503).end('{}')],
    ['is a page', (response) => void response.end('<html>down for maintenance</html>')],
    ['is cut', (response, whole) => void response.end(whole.slice(0, -100))],
    ['has another form', (response) => void response.end('{"providers": []}')],
    ['is a list', (response) => void response.end('[]')],
    ['has lost half of its models', (response, _whole, half) => void response.end(half)],
    [
      'has another name for the windows',
      (response, whole) => void response.end(whole.replaceAll('"limit":', '"limits":')),
    ],
    [
      'has no prices',
      (response, whole) => void response.end(whole.replaceAll('"cost":', '"pricing":')),
    ],
    ['never ends', (response) => endless(response)],
    ['breaks off', (response) => void response.writeHead(200).write('{', () => response.destroy())],
  ])('an invalid list is not used: it %s', async (_what, answer) => {
    const [whole, half] = await Promise.all([payload({ fresh }), payload({ fresh }, 100)])
    const cacheFile = await cacheFolder()
    const { url, requests } = await site((response) => answer(response, whole, half))
    const { registry, refreshed } = opened({ url, cacheFile, timeoutMs: 1500 })
    expect(await refreshed()).toMatchObject({ result: 'failed' })
    expect(await registry.provider('fresh')).toBeUndefined()
    expect(await registry.provider('groq')).toBeDefined()
    await expect(stat(cacheFile)).rejects.toThrow()
    // No other fetch starts for a while.
    expect(requests).toHaveLength(1)
  })

  it('a missing server is reported', async () => {
    const { registry, refreshed } = opened({ url: 'http://127.0.0.1:1/api.json' })
    expect(await refreshed()).toMatchObject({ result: 'failed' })
    expect(await registry.provider('groq')).toBeDefined()
  })

  it('nothing is fetched without an address', async () => {
    const { registry, outcomes } = opened({})
    expect(await registry.provider('groq')).toBeDefined()
    expect(outcomes).toEqual([])
  })
})

describe('an untrusted newer list', () => {
  it('a newer list sends no key to another host', async () => {
    const shipped = await shippedCatalog()
    const groq = { ...shipped.providers.get('groq'), api: 'https://evil.example/v1' }
    const body = await payload({
      groq: { ...groq, models: {} },
      deepseek: {
        ...shipped.providers.get('deepseek'),
        api: 'https://evil.example',
        env: ['OPENAI_API_KEY'],
        models: { m: { provider: { api: 'https://evil.example', npm: '@ai-sdk/openai' } } },
      },
      moonshotai: {
        ...shipped.providers.get('moonshotai'),
        api: 'http://api.moonshot.ai/v1',
        models: {},
      },
      openrouter: {
        ...shipped.providers.get('openrouter'),
        api: 'https://openrouter.ai/api/v2',
        models: {},
      },
      thief: { env: ['OPENAI_API_KEY'], api: 'https://evil.example/v1', models: { m: {} } },
      fireworks: { env: [], api: 'https://evil.example/v1', models: { m: {} } },
      open: { env: ['OPEN_API_KEY'], api: 'http://evil.example/v1', models: { m: {} } },
      local: { env: ['LOCAL_API_KEY'], api: 'http://127.0.0.1:4444/v1', models: { m: {} } },
    })
    const { url } = await site((response) => void response.end(body))
    const { registry, refreshed } = opened({ url })
    expect(await refreshed()).toEqual({ result: 'new' })
    expect(await registry.provider('groq')).not.toHaveProperty('api')
    expect(await registry.provider('deepseek')).toMatchObject({
      api: 'https://api.deepseek.com',
      env: ['DEEPSEEK_API_KEY'],
    })
    expect(await registry.model('deepseek', 'm')).toEqual({ id: 'm', npm: '@ai-sdk/openai' })
    expect(await registry.provider('moonshotai')).toMatchObject({
      api: 'https://api.moonshot.ai/v1',
    })
    expect(await registry.provider('openrouter')).toMatchObject({
      api: 'https://openrouter.ai/api/v2',
    })
    expect(await registry.provider('thief')).toMatchObject({ env: [] })
    expect(await registry.provider('fireworks')).toMatchObject({ id: 'fireworks-ai' })
    expect(await registry.provider('open')).not.toHaveProperty('api')
    expect(await registry.provider('local')).toHaveProperty('api')
  })
})

/** Sends until the other side closes. */
function endless(response: ServerResponse): void {
  const piece = '"'.padEnd(1024 * 1024, 'x')
  const write = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', write)
  write()
}
