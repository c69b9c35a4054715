import { describe, expect, it } from 'vitest'

import { readConfig } from '../src/config.ts'
import { within } from './deadline.ts'
import { fetchOf, openServer } from './playground-page.ts'
import { agentOf } from './recorded-run.ts'
import { servedApp } from './served-app.ts'

interface Follow {
  open: (after: string | undefined) => Promise<Response>
  signal: AbortSignal
  silenceMs?: number
  pauseMs: number
  onLink?: (isThere: boolean) => void
}

interface StreamModule {
  followed: (options: Follow) => AsyncGenerator<{ id: string; chunk: { type: string } }, string>
}

// The type of this import is `any`: TypeScript has not read the file.
const { followed }: StreamModule = await import(
  new URL('../web/playground-stream.js', import.meta.url).href
)

const frame = (id: number, type: string) => `id: 1-${id}.0\ndata: {"type":"${type}"}\n\n`

/** Follows a server that sends one of these responses for each connection. */
async function follow(answers: (() => Response)[], more: Partial<Follow> = {}) {
  const asked: (string | undefined)[] = []
  const types: string[] = []
  const events = followed({
    pauseMs: 1,
    signal: new AbortController().signal,
    async open(after) {
      const answer = answers[asked.length]
      asked.push(after)
      if (answer === undefined) throw new Error('one connection too many')
      return answer()
    },
    ...more,
  })
  for (;;) {
    const { done, value } = await within(5000, 'the next event', events.next())
    if (done) return { end: value, asked, types }
    types.push(value.chunk.type)
  }
}

const text = (body: string) => () => new Response(body)
const status = (code: number) => () => new Response(null, { status: code })

describe("the playground's connection", () => {
  it('reconnects after an end without `[DONE]`', async () => {
    const links: boolean[] = []
    const { end, asked, types } = await follow(
      [text(frame(1, 'start')), text(`${frame(2, 'finish')}data: [DONE]\n\n`)],
      { onLink: (isConnected) => links.push(isConnected) },
    )
    expect({ end, asked, types }).toEqual({
      end: 'done',
      asked: [undefined, '1-1.0'],
      types: ['start', 'finish'],
    })
    expect(links).toContain(false)
    expect(links.at(-1)).toBe(true)
  })

  it('ends after an `error` chunk', async () => {
    const { end, asked } = await follow([text(frame(1, 'start') + frame(2, 'error'))])
    expect({ end, asked }).toEqual({ end: 'done', asked: [undefined] })
  })

  it('continues if a failed message starts again', async () => {
    const again = frame(1, 'error') + frame(2, 'finish') + frame(3, 'start')
    const { asked } = await follow([text(again), text('data: [DONE]\n\n')])
    expect(asked).toEqual([undefined, '1-3.0'])
  })

  it.each([
    [204, 'idle'],
    [410, 'gone'],
  ])('reports status %i as its result', async (code, end) => {
    expect(await follow([status(code)])).toMatchObject({ end })
  })

  it('reconnects after silence', async () => {
    const silent = () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))
    const { end } = await follow([silent, text('data: [DONE]\n\n')], { silenceMs: 20 })
    expect(end).toBe('done')
  })

  it('fails for an event that is not JSON', async () => {
    await expect(follow([text('data: {"type\n\n')])).rejects.toThrow(/no part of an answer/)
  })
})

describe("the playground's key", () => {
  const apiKeys = 'first-key-1,second-key-2'

  it('is requested once and sent with every call', async () => {
    const app = await servedApp({
      agents: [agentOf({})],
      config: readConfig({ LOOM_AGENT: agentOf({}).name, LOOM_API_KEYS: apiKeys }),
    })
    const refusals: unknown[] = []
    const key = {
      value: undefined as string | undefined,
      async ask(refused: string | undefined) {
        if (refused !== key.value) return true
        refusals.push(refused)
        key.value = 'first-key-1'
        return true
      },
    }
    const server = openServer({ fetch: fetchOf(app), key, pauseMs: 1 })
    expect(await Promise.all([server.agents(), server.agents()])).toMatchObject([[{}], [{}]])
    expect(refusals).toEqual([undefined])
  })

  it('does not repeat a call without a key', async () => {
    const app = await servedApp({
      agents: [agentOf({})],
      config: readConfig({ LOOM_AGENT: agentOf({}).name, LOOM_API_KEYS: apiKeys }),
    })
    const key = { value: 'wrong-key-9', ask: async () => false }
    const server = openServer({ fetch: fetchOf(app), key, pauseMs: 1 })
    await expect(server.agents()).rejects.toMatchObject({ status: 401 })
  })
})
