/** `/ag-ui` has the access rules, the limits, the errors and the audit of the HTTP API. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { createApp } from '../../routes/app.ts'
import { readConfig } from '../../src/config.ts'
import { type AgentDefinition, defineAgent, defineTool } from '../../src/index.ts'
import { openLimits } from '../../src/server/limits/open-limits.ts'
import { listen } from '../../src/server/listen.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { heldReply } from './held-reply.ts'
import { Thread } from './thread.ts'

const keys = { LOOM_API_KEYS: 'ada:key-of-ada,eve:key-of-eve,viewer/read:key-of-viewer' }

async function open(
  scripts: Script[],
  environment: Record<string, string> = {},
  definition: Partial<AgentDefinition> = {},
) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent], environment)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return served
}

const inputOf = (content: string, threadId = 'thread') => ({
  threadId,
  runId: 'run',
  messages: [{ id: 'm', role: 'user', content }],
})

async function post(url: string, body: unknown, key?: string) {
  const response = await fetch(`${url}/ag-ui/tutor`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const codeOf = ({ text }: { text: string }): unknown => JSON.parse(text).error.code

describe('a run', () => {
  it('needs a key with the scope to chat', async () => {
    const { url } = await open([], keys)
    const refused = await post(url, inputOf('Hi'))
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    const reading = await post(url, inputOf('Hi'), 'key-of-viewer')
    expect([reading.status, codeOf(reading)]).toEqual([403, 'forbidden'])
    expect((await fetch(`${url}/ag-ui/tutor`, { method: 'PUT' })).status).toBe(401)
  })

  it('does not reach the thread of another tenant', async () => {
    const { url } = await open([says('I know a secret.'), says('Hello.')], keys)
    await post(url, inputOf('Hi'), 'key-of-ada')
    const { text } = await post(url, inputOf('Hi'), 'key-of-eve')
    expect(text).not.toContain('secret')
    expect(text).toContain('Hello.')
  })

  it('gets 405 for another method, and 400 for a body that is none', async () => {
    const { url } = await open([])
    const response = await fetch(`${url}/ag-ui/tutor`, { method: 'DELETE' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, GET'])
    for (const body of ['', '{', '[]', '"text"', '{"threadId": "t", "__proto__": {}}']) {
      const { status, text } = await post(url, body)
      expect([status, JSON.parse(text).error.code], body).toEqual([400, 'invalid-request'])
    }
  })

  it('with too large a message gets 413', async () => {
    const { url } = await open([])
    const refused = await post(url, inputOf('x'.repeat(11_000_000)))
    expect([refused.status, codeOf(refused)]).toEqual([413, 'payload-too-large'])
  })

  it('gets 503 with Retry-After from an instance without a place', async () => {
    const { script, release } = heldReply()
    const { url, loom } = await open([script], { LOOM_TURNS_MAX: '1' })
    const first = post(url, inputOf('Count.'))
    await expect.poll(() => loom.sessions.turns.running).toBe(1)
    const refused = await post(url, inputOf('Hi', 'other'))
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    release()
    expect((await first).text).toContain('two.')
  })

  it('counts as a request and a stream of its principal', async () => {
    const { script, release } = heldReply()
    const { loom } = await open([script])
    const config = readConfig({ LOOM_LIMIT_STREAMS: '1' })
    const limits = await openLimits(config, loom.report)
    const app = createApp({ loom, config, limits })
    const { url, stop } = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
    onTestFinished(() => stop(0))
    const first = post(url, inputOf('Count.'))
    await expect.poll(() => loom.sessions.turns.running).toBe(1)
    const refused = await post(url, inputOf('Hi', 'other'))
    expect([refused.status, codeOf(refused)]).toEqual([429, 'limited'])
    // The capabilities are no stream.
    expect((await fetch(`${url}/ag-ui/tutor`)).status).toBe(200)
    release()
    await first
  })
})

it('a decision is in the audit', async () => {
  const pay = defineTool({
    name: 'pay',
    description: 'Pays',
    inputSchema: z.object({}),
    needsApproval: true,
    execute: () => 'paid',
  })
  const { url } = await open([calls(['pay', {}]), says('Paid.')], {}, { tools: [pay] })
  const thread = new Thread(url)
  await thread.say('Pay')
  const [interrupt] = thread.client.pendingInterrupts
  const entry = { interruptId: interrupt?.id ?? '', status: 'resolved' as const, payload: true }
  await thread.run({ resume: [entry] })
  const audit = await (await fetch(`${url}/api/admin/audit`)).json()
  expect(audit).toMatchObject({
    events: [{ action: 'approve', sessionId: 'thread', approvalId: interrupt?.id }],
  })
})
