/** The functions of the library. */
import { Hono } from 'hono'
import { expect, onTestFinished, vi } from 'vitest'

import { scriptedModel, type ScriptedStep } from '../../src/entries/testing.ts'
import {
  attachDefaultLogger,
  defineAgent,
  LoomError,
  run,
  startAgent,
  streamAgent,
  userMessage,
} from '../../src/index.ts'
import { calculator } from '../../tools/calculator.ts'
import type { Checks } from './row.ts'

const sum = { toolCalls: [{ toolName: 'calculator', input: { expr: '6*7' } }] }

function tutor(...steps: ScriptedStep[]) {
  const model = scriptedModel(steps)
  const systemPrompt = 'You teach.'
  return { model, agent: defineAgent({ name: 'tutor', systemPrompt, tools: [calculator], model }) }
}

const usage = { inputTokens: 12, outputTokens: 5 }

export const functionChecks: Checks = {
  '`use LoomEx.Agent`': () => {
    const agent = defineAgent({ name: 'tutor', systemPrompt: 'You teach.' })
    expect(agent).toMatchObject({ name: 'tutor', systemPrompt: 'You teach.' })
    expect(() => defineAgent({ ...agent, name: 'not a name' })).toThrow(LoomError)
  },

  '`LoomEx.run(agent, messages, sink: …)`': async () => {
    const seen: string[] = []
    const sink = ({ type }: { type: string }) => void seen.push(type)
    const { text } = await run(tutor('Hello.').agent, [userMessage('Hi')], { sink })
    expect(text).toBe('Hello.')
    expect([seen[0], seen.at(-1)]).toEqual(['start', 'finish'])
  },

  '`{:ok, result}`, `{:error, reason}`': async () => {
    expect(await run(tutor('Hello.').agent, 'Hi')).toMatchObject({ outcome: 'finished' })
    const failed = run(tutor({ error: { status: 400 } }).agent, 'Hi')
    await expect(failed).rejects.toBeInstanceOf(LoomError)
  },

  '`result.messages`': async () => {
    const { messages } = await run(tutor(sum, '42.').agent, 'Compute.')
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  },

  '`result.steps`': async () => {
    expect((await run(tutor(sum, '42.').agent, 'Compute.')).steps).toBe(2)
  },

  '`result.usage["prompt_tokens"]`, `["completion_tokens"]`': async () => {
    const { agent } = tutor({ ...sum, usage }, { text: '42.', usage })
    const result = await run(agent, 'Compute.')
    expect(result.usage).toMatchObject({ inputTokens: 24, outputTokens: 10 })
  },

  '`LoomEx.Message.user("…")`': async () => {
    const { agent, model } = tutor('Hello.', 'Hello.')
    await run(agent, [userMessage('Hi')])
    await run(agent, 'Hi')
    const [first, second] = model.calls
    expect(first?.prompt.at(-1)).toMatchObject({ role: 'user', content: [{ text: 'Hi' }] })
    expect(second?.prompt).toEqual(first?.prompt)
  },

  '`LoomEx.start_agent(agent)`': async () => {
    await using session = startAgent(tutor('Hello.').agent)
    expect(session.id).toEqual(expect.any(String))
    expect(await session.messages()).toEqual([])
  },

  '`LoomEx.call(pid, "…")`': async () => {
    const { agent, model } = tutor('4.', '40.')
    await using session = startAgent(agent)
    expect((await session.call('What is 2 + 2?')).text).toBe('4.')
    expect((await session.call('Now multiply that by 10')).text).toBe('40.')
    expect(model.calls[1]?.prompt).toHaveLength(4)
  },

  '`LoomEx.get_messages(pid)`': async () => {
    await using session = startAgent(tutor('4.').agent)
    await session.call('What is 2 + 2?')
    expect(await session.messages()).toMatchObject([
      { role: 'user', parts: [{ text: 'What is 2 + 2?' }] },
      { role: 'assistant', parts: [{ type: 'step-start' }, { text: '4.' }] },
    ])
  },

  '`LoomEx.Phoenix.Plug.stream_agent(conn, agent, messages)`': async () => {
    const { agent } = tutor('Hello.')
    const app = new Hono()
    app.post('/chat', async (c) => streamAgent(c, agent, (await c.req.json()).messages))
    const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }]
    const body = JSON.stringify({ messages })
    const response = await app.request('/chat', { method: 'POST', body })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const stream = await response.text()
    expect(stream).toContain('"delta":"Hello."')
    expect(stream).toMatch(/data: \[DONE\]\n\n$/)
  },

  '`LoomEx.Telemetry.attach_default_logger()`': async () => {
    const written: string[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text))
      return true
    })
    onTestFinished(() => spy.mockRestore())
    onTestFinished(attachDefaultLogger())
    await run(tutor('Hello.').agent, 'Hi')
    expect(written[0]).toMatch(/^\[loom\] agent:start agent=tutor/)
    expect(written.at(-1)).toMatch(/^\[loom\] agent:stop .* result=finished\n$/)
  },
}
