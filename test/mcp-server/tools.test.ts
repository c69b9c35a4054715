/** Agents as tools of MCP, through the official clients of both generations. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { defineAgent, openMcp, run } from '../../src/index.ts'
import { until } from '../redis/until.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { openClients, sessionIn, textIn } from './clients.ts'
import { add, heldReply, serve } from './served-tools.ts'

it('an agent of one server uses the agents of another one as tools', async () => {
  const { url } = await serve([says('It is 3.')])
  const mcp = openMcp([{ name: 'other', url: `${url}/mcp` }], { environment: {} })
  onTestFinished(() => mcp.close())
  const model = scriptedModel(calls(['tutor', { message: '1 + 2?' }]), says('They say 3.'))
  const tools = await mcp.tools()
  const agent = defineAgent({ name: 'lead', systemPrompt: 'Ask.', tools, model })
  const { text } = await run(agent, 'What is 1 + 2?')
  expect(text).toBe('They say 3.')
  expect(JSON.stringify(model.asked[1]?.prompt)).toContain('It is 3.')
})

describe.each(openClients)('a client of %s', (version, open) => {
  it('speaks its revision, and finds each agent as a tool', async () => {
    const { url } = await serve([], { description: 'Teaches everything.' })
    const client = await open(url)
    expect(client.version()).toBe(version)
    expect(await client.tools()).toMatchObject([
      { name: 'tutor', description: 'Teaches everything.', inputSchema: { type: 'object' } },
    ])
  })

  it('gets an answer, and continues its session', async () => {
    const { url, model } = await serve([says('Hello there.'), says('Again.')])
    const client = await open(url)
    const first = await client.call('tutor', { message: 'Hi' })
    expect(textIn(first)).toBe('Hello there.')
    const session = sessionIn(first)
    const second = await client.call('tutor', { message: 'And now?', session })
    expect([textIn(second), sessionIn(second)]).toEqual(['Again.', session])
    expect(model.asked[1]?.prompt.filter(({ role }) => role === 'user')).toHaveLength(2)
    expect(textIn(await client.call('tutor', { session }))).toBe('Again.')
  })

  it('gets the progress of texts and tools', async () => {
    const { url } = await serve([calls(['add', { a: 1, b: 2 }]), says('It is 3.')], {
      tools: [add],
    })
    const client = await open(url)
    const seen: { progress: number; message?: string | undefined }[] = []
    const result = await client.call(
      'tutor',
      { message: '1 + 2?' },
      { onprogress: (progress) => seen.push(progress) },
    )
    expect(textIn(result)).toBe('It is 3.')
    expect(seen.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Calls add.', 'add has ended.']),
    )
    const numbers = seen.map(({ progress }) => progress)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  })

  it('gets structured output', async () => {
    const output = z.object({ sum: z.number() })
    const { url } = await serve([says('{"sum": 3}')], { output })
    const client = await open(url)
    expect(await client.tools()).toMatchObject([
      { outputSchema: { type: 'object', properties: { sum: { type: 'number' } } } },
    ])
    const result = await client.call('tutor', { message: '1 + 2?' })
    expect([result.structuredContent, textIn(result)]).toEqual([{ sum: 3 }, '{"sum":3}'])
  })

  it('stops the turn of a call that it cancels', async () => {
    const held = heldReply()
    const { url, loom } = await serve([held.reply])
    const client = await open(url)
    const abort = new AbortController()
    const call = client.call('tutor', { message: 'Hi' }, { signal: abort.signal })
    await held.begun
    abort.abort('Enough.')
    await expect(call).rejects.toThrow()
    await until(5000, 'the model call ends', held.isAborted)
    const state = async () => (await loom.sessions.list('', { limit: 1 })).sessions[0]?.state
    await until(5000, 'the turn ends', async () => (await state()) === 'idle')
    const { events } = await loom.sessions.auditPage('', { limit: 10 })
    expect(events.map(({ action }) => action)).toEqual(['stop'])
  })

  it('gets the same answer for the same message id', async () => {
    const { url, model } = await serve([says('Once.')])
    const client = await open(url)
    const call = () => client.call('tutor', { message: 'Hi', messageId: 'my-message' })
    const [first, second] = [await call(), await call()]
    expect([textIn(second), sessionIn(second)]).toEqual(['Once.', sessionIn(first)])
    expect(model.asked).toHaveLength(1)
    const other = await client.call('tutor', { message: 'Other', messageId: 'my-message' })
    expect([other.isError, textIn(other)]).toEqual([true, expect.stringContaining('other content')])
  })

  it('reads in a result what it did wrong', async () => {
    const { url } = await serve([])
    const client = await open(url)
    const failure = async (args: Record<string, unknown>) => {
      const result = await client.call('tutor', args)
      expect(result.isError).toBe(true)
      return textIn(result)
    }
    expect(await failure({})).toContain('set message')
    expect(await failure({ message: 'Hi', session: 'none' })).toContain('no such session')
    expect(await failure({ session: 'none' })).toContain('no such session')
    expect(await failure({ messages: 'Hi' })).toContain('messages')
    expect(await failure({ answers: {} })).toContain('set session')
    await expect(client.call('nobody', { message: 'Hi' })).rejects.toThrow('no tool "nobody"')
  })

  it('reads in a result why an answer failed', async () => {
    const { url } = await serve([new Error('The model is on holiday.')], { retry: { retries: 0 } })
    const client = await open(url)
    const result = await client.call('tutor', { message: 'Hi' })
    expect([result.isError, textIn(result)]).toEqual([true, expect.stringContaining('holiday')])
    expect(sessionIn(result)).toMatch(/^mcp-/)
  })

  it('sends files, and receives images', async () => {
    const data = Buffer.from('not really an image').toString('base64')
    const [, ...rest] = says('A picture.')
    const { url, model } = await serve([
      [
        { type: 'stream-start', warnings: [] },
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data } },
        ...rest,
      ],
    ])
    const client = await open(url)
    const file = { url: `data:text/plain;base64,${data}`, mediaType: 'text/plain' }
    const result = await client.call('tutor', { message: 'Draw.', files: [file] })
    expect(result.content).toEqual(
      expect.arrayContaining([{ type: 'image', data, mimeType: 'image/png' }]),
    )
    expect(JSON.stringify(model.asked[0]?.prompt)).toContain('not really an image')
  })
})
