/** The history of a session in parts, over HTTP and in code. */
import type { UIMessage } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { defineAgent, Loom, sessionRoutes } from '../src/index.ts'

const echo = defineAgent({ name: 'echo', systemPrompt: 'Repeat.', model: 'demo/echo' })
const loom = new Loom({ agents: [echo] })
const app = sessionRoutes(loom)
const session = loom.startAgent('echo', 'talk')

const partAt = async (query: string, id = 'talk') => {
  const response = await app.request(`/chat/${id}/messages${query}`)
  const { status } = response
  const body: UIMessage[] = status === 200 ? JSON.parse(await response.text()) : []
  return { status, body, link: response.headers.get('link') }
}

const textsOf = (messages: readonly UIMessage[]) =>
  messages.map(({ parts }) => parts.map((part) => (part.type === 'text' ? part.text : '')).join(''))

beforeAll(async () => {
  for (const text of ['a', 'b', 'c']) await session.call(text)
})
afterAll(() => loom.close())

describe('a part of a history', () => {
  it('leads to the part before it, up to the first message', async () => {
    const whole = (await partAt('')).body
    let { body, link } = await partAt('?limit=4&profile=v6')
    const parts = [body]
    while (link !== null) {
      const [, next = ''] = /^<(\?.*)>; rel="next"$/.exec(link) ?? []
      expect(next).toContain('profile=v6')
      ;({ body, link } = await partAt(next))
      parts.unshift(body)
    }
    expect(parts.map(({ length }) => length)).toEqual([2, 4])
    expect(parts.flat()).toEqual(whole)
  })

  it('is the same in code', async () => {
    const last = await session.messages({ limit: 3 })
    expect(textsOf(last)).toEqual(['b', 'c', 'c'])
    expect(textsOf(await session.messages({ before: last[0]?.id ?? '' }))).toEqual(['a', 'a', 'b'])
  })

  it('ends with the queue only at the end of the history', async () => {
    const waiting = loom.startAgent('echo', 'busy')
    await waiting.call('c')
    await waiting.send('d '.repeat(50))
    const last = await waiting.cast('e')
    const { body } = await partAt('?limit=1', 'busy')
    expect(body.map(({ id }) => id)).toContain(last)
    expect(body.length).toBeGreaterThan(1)
    expect((await partAt('?limit=1&queued=0', 'busy')).body).toHaveLength(1)
    const [first] = body
    const earlier = await partAt(`?before=${first?.id}`, 'busy')
    expect(earlier.body.map(({ id }) => id)).not.toContain(last)
  })

  it.each(['0', '-1', '1.5', 'all', '1001'])('limit=%s is refused', async (limit) => {
    expect((await partAt(`?limit=${limit}`)).status).toBe(400)
    await expect(session.messages({ limit: Number(limit) })).rejects.toThrow(/1 to 1000/)
  })

  it('before a message that is not there is refused', async () => {
    expect(await partAt('?before=gone')).toMatchObject({ status: 404 })
    await expect(session.messages({ before: 'gone' })).rejects.toThrow(/"gone"/)
  })
})
