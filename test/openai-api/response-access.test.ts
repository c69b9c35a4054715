/** The Responses API has the principals, the limits and the admission of the HTTP API, and its own form of errors. */
import OpenAI, { APIError } from 'openai'
import { expect, it, onTestFinished } from 'vitest'

import { createApp } from '../../routes/app.ts'
import { readConfig } from '../../src/config.ts'
import { defineAgent } from '../../src/index.ts'
import { openLimits } from '../../src/server/limits/open-limits.ts'
import { hangs, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'

async function open(scripts: Script[], environment: Record<string, string>) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model })
  const served = await openServed([agent], environment)
  onTestFinished(() => served[Symbol.asyncDispose]())
  const as = (apiKey: string) =>
    new OpenAI({ baseURL: `${served.url}/v1`, apiKey, maxRetries: 0 }).responses
  return { served, as }
}

const failureOf = async (request: Promise<unknown>) => {
  const error: unknown = await request.catch((cause: unknown) => cause)
  if (!(error instanceof APIError)) throw new Error('The request did not fail as the API does.')
  const { status, code, type, message, headers } = error
  return { status, code, type, message, retryAfter: headers?.get('retry-after') }
}

const keys = { LOOM_API_KEYS: 'ada:key-of-ada-01,ada/read:reader-of-ada-01,eve:key-of-eve-01' }
const hi = { model: 'tutor', input: 'Hi' }

it('a request needs a key and the scope of its route', async () => {
  const { as } = await open([says('Hello.')], keys)
  const { id } = await as('key-of-ada-01').create(hi)
  expect(await failureOf(as('no-key').create(hi))).toMatchObject({
    status: 401,
    code: 'invalid_api_key',
  })
  const reader = as('reader-of-ada-01')
  expect(await reader.retrieve(id)).toMatchObject({ id, status: 'completed' })
  for (const request of [reader.create(hi), reader.cancel(id), reader.delete(id)]) {
    expect(await failureOf(request)).toMatchObject({
      status: 403,
      code: 'insufficient_permissions',
    })
  }
})

it('a response does not exist for another tenant', async () => {
  const { as } = await open([says('The secret.'), hangs(words('The secret '))], keys)
  const ada = as('key-of-ada-01')
  const { id, output } = await ada.create(hi)
  const running = await ada.create({ ...hi, background: true })
  const eve = as('key-of-eve-01')
  const item = { type: 'item_reference' as const, id: output[0]?.id ?? '' }
  for (const request of [
    eve.retrieve(id),
    eve.retrieve(running.id, { stream: true }),
    eve.cancel(running.id),
    eve.delete(id),
    eve.inputItems.list(id),
    eve.create({ ...hi, previous_response_id: id }),
    eve.create({ model: 'tutor', input: [item, { role: 'user', content: 'Hi' }] }),
  ]) {
    const failure = await failureOf(request)
    expect([400, 404]).toContain(failure.status)
    expect(failure.message).not.toContain('secret')
  }
  expect((await ada.retrieve(running.id)).status).toBe('in_progress')
  await ada.cancel(running.id)
})

it('a principal over its limit gets 429', async () => {
  const { served } = await open([says('Hello.')], keys)
  const config = readConfig({ ...keys, LOOM_LIMIT_REQUESTS: '1/3600' })
  const limits = await openLimits(config, () => {})
  const app = createApp({ loom: served.loom, config, limits })
  const { responses } = new OpenAI({
    baseURL: 'http://localhost/v1',
    apiKey: 'key-of-ada-01',
    maxRetries: 0,
    fetch: async (url, init) => app.request(new Request(url, init)),
  })
  await responses.create(hi)
  const failure = await failureOf(responses.create(hi))
  expect(failure).toMatchObject({ status: 429, type: 'rate_limit_error' })
  expect(Number(failure.retryAfter)).toBeGreaterThan(0)
})

it('a server with too many answers gets 503, and finished responses can be read', async () => {
  const { as } = await open([hangs(words('One, '))], { LOOM_TURNS_MAX: '1' })
  const responses = as('any-key')
  const { id } = await responses.create({ ...hi, background: true })
  const failure = await failureOf(responses.create(hi))
  expect(failure).toMatchObject({ status: 503, type: 'server_error' })
  expect(Number(failure.retryAfter)).toBeGreaterThan(0)
  expect(await responses.cancel(id)).toMatchObject({ status: 'cancelled' })
  expect(await responses.retrieve(id)).toMatchObject({ status: 'cancelled' })
})

it('a body that is too large gets 413', async () => {
  const { as } = await open([], {})
  const request = as('any-key').create({ ...hi, input: 'x'.repeat(30_000_000) })
  expect(await failureOf(request)).toMatchObject({ status: 413, type: 'invalid_request_error' })
})

it('an audit has the stop and the deletion of a response', async () => {
  const { served, as } = await open([hangs(words('One, '))], keys)
  const responses = as('key-of-ada-01')
  const { id } = await responses.create({ ...hi, background: true })
  await responses.cancel(id)
  await responses.delete(id)
  const { events } = await served.loom.sessions.auditPage('ada', { limit: 10 })
  expect(events.map(({ action }) => action)).toEqual(['delete', 'stop'])
})
