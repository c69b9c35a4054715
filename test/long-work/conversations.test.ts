/**
 * Large conversations do not delay other clients, with Redis or memory as store and a provider
 * behind HTTP. No turn of the event loop computes for longer than 50 ms of a machine at rest,
 * with any content of a session.
 */
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { endProcesses } from '../loom-process.ts'
import { startRedis } from '../redis/redis.ts'
import { quickly, startWatched, type WatchedServer } from './kit.ts'
import { type BulkProvider, openBulkProvider } from './provider.ts'

const megabyte = 1024 * 1024

await using stack = new AsyncDisposableStack()
const owned = stack.move()
let provider: BulkProvider
beforeAll(async () => {
  provider = owned.use(await openBulkProvider())
})
afterAll(async () => {
  await endProcesses()
  await owned.disposeAsync()
})

const text = (words: string) => ({ type: 'text', text: words })
const picture = (size: number) => ({
  type: 'file',
  mediaType: 'image/png',
  url: `data:image/png;base64,iVBORw0KGgo${'A'.repeat(size - (size % 4) + 1)}`,
})
const words = (size: number) => 'Words, "quoted".\n'.repeat(size / 17)
const textFile = {
  type: 'file',
  mediaType: 'text/plain',
  url: `data:text/plain;base64,${Buffer.from(words(1_900_000)).toString('base64')}`,
}

/** The messages of one session, which grows with each of them. */
const messages: Record<string, object[]> = {
  'a picture of 9 MB': [picture(9_300_000), text('Hi')],
  'another picture': [picture(9_300_000), text('Hi')],
  'a third picture': [picture(9_300_000), text('Hi')],
  'a fourth picture': [picture(9_300_000), text('Hi')],
  'many small pictures': [...Array.from({ length: 900 }, () => picture(9_000)), text('Hi')],
  'a long text': [text(words(1_700_000))],
  'a file that is text': [textFile, text('Hi')],
}

const agents = ['wide', 'narrow', 'usual']
/** Their models are of the AI SDK's provider packages. The store makes no difference to these. */
const packaged = ['packaged', 'gemini', 'responses']

const tools = ['large', 'quotes', 'list', 'deep', 'object', 'writer']

describe.for(['memory', 'Redis'] as const)('a server with its sessions in %s', (store) => {
  const isMemory = store === 'memory'
  let server: WatchedServer
  beforeAll(async () => {
    const redis = store === 'Redis' ? owned.use(await startRedis()) : undefined
    server = await startWatched(
      { BULK_PROVIDER_URL: provider.url, ...(redis !== undefined && { REDIS_URL: redis.url }) },
      join(import.meta.dirname, 'server.ts'),
    )
    // The first requests load and compile the code that the others run.
    for (const agent of [...agents, ...(isMemory ? packaged : [])]) {
      const id = `first-${agent}`
      await post(id, agent, [picture(1_000_000), text('Hi')])
      await post(`${id}-tool`, agent, [text('call large')])
      await get(`/${id}/messages`)
      await get(`/${id}/prompt`)
    }
    await server.held()
  }, 120_000)

  async function answered(response: Response): Promise<string> {
    expect(response.status, await response.clone().text().then(beginning)).toBe(200)
    return response.text()
  }
  const beginning = (body: string) => body.slice(0, 300)

  const post = async (id: string, agent: string, parts: object[]) =>
    answered(
      await fetch(`${server.url}/api/chat`, {
        method: 'POST',
        body: JSON.stringify({
          id,
          agent,
          messages: [{ id: crypto.randomUUID(), role: 'user', parts }],
        }),
      }),
    )
  const get = async (path: string) => answered(await fetch(`${server.url}/api/chat${path}`))

  it.for([...agents, ...(isMemory ? packaged : [])])(
    'serves others while a conversation of the %s agent grows',
    { timeout: 240_000 },
    async (agent) => {
      const id = `grows-${agent}`
      for (const [name, parts] of Object.entries(messages)) {
        await quickly(server, name, () => post(id, agent, parts))
      }
      const stored = await quickly(server, 'the messages', () => get(`/${id}/messages`))
      const history: { role: string; parts: object[] }[] = JSON.parse(stored)
      const said = history.filter(({ role }) => role === 'user').map(({ parts }) => parts)
      for (const parts of Object.values(messages)) expect(said).toContainEqual(parts)
      const prompt = await quickly(server, 'the prompt', () => get(`/${id}/prompt`))
      expect(JSON.parse(prompt)).toMatchObject({ agent })
    },
  )

  it.for(tools)(
    'serves others during large results of the tool %s',
    { timeout: 240_000 },
    async (tool) => {
      for (const agent of ['wide', 'narrow', ...(isMemory ? ['packaged', 'gemini'] : [])]) {
        let id = ''
        const stream = await quickly(server, 'the turn', (attempt) => {
          id = `${tool}-${agent}-${attempt}`
          return post(id, agent, [text(`call ${tool}`)])
        })
        expect(stream.endsWith('data: [DONE]\n\n')).toBe(true)
        const loaded = await quickly(server, 'the messages', () => get(`/${id}/messages`))
        const history: { parts: { output?: unknown }[] }[] = JSON.parse(loaded)
        const stored = history.flatMap(({ parts }) => parts).find((part) => 'output' in part)
        expect(stored?.output).toBeDefined()
        expect(stored?.output).toEqual(outputIn(stream))
        await quickly(server, 'the prompt', () => get(`/${id}/prompt`))
        await quickly(server, 'the next turn', () => post(id, agent, [text('Hi')]))
        const fork = { method: 'POST', body: '{}' }
        await quickly(server, 'the fork', async () => {
          expect((await fetch(`${server.url}/api/chat/${id}/fork`, fork)).status).toBe(201)
        })
      }
    },
  )

  it('serves others while a reader resumes', { timeout: 120_000 }, async () => {
    const posted = await post('again', 'wide', [text('call large')])
    await server.held()
    const cursor = /^id: (\d+-1\.0)$/m.exec(posted)?.[1] ?? ''
    const stream = await quickly(server, 'the stream', () => get(`/again/stream?after=${cursor}`))
    expect(String(outputIn(stream)).length).toBeGreaterThan(9 * megabyte)
  })
})

/** Returns the last output of a tool in a stream. */
function outputIn(stream: string): unknown {
  const frames = stream.split('\n').filter((line) => line.startsWith('data: {'))
  const chunks: { type: string; output?: unknown }[] = frames.map((line) =>
    JSON.parse(line.slice(6)),
  )
  return chunks.findLast(({ type }) => type === 'tool-output-available')?.output
}
