import { describe, expect, it } from 'vitest'

import { Registry } from '../src/model/registry.ts'
import { overridesOf } from '../src/model/registry/overrides.ts'
import { createModels } from '../src/model/resolve.ts'
import { chatStreams } from './fixtures/chat-streams.ts'
import { eventStream, upstream } from './fixtures/upstream.ts'
import { agentOf, record } from './recorded-run.ts'

/** A listed provider with one model, whose server is on this machine. */
async function provider(status: number) {
  const { baseUrl } = await upstream((response) => {
    if (status === 200) {
      eventStream(response).end(chatStreams['text, usage in a last chunk without choices'])
    } else response.writeHead(status).end('{"error": {"message": "model not found"}}')
  })
  const overrides = overridesOf({
    acme: { name: 'Acme', api: baseUrl, models: { 'team/sonnet': { limit: { context: 9000 } } } },
  })
  return createModels({ environment: {}, registry: new Registry({ overrides }) })
}

describe('a model that the registry does not know', () => {
  it('an unlisted model is called', async () => {
    const models = await provider(200)
    const { result, error } = await record(agentOf({ model: 'acme/brand-new' }), 'Hi', { models })
    expect(error).toBeUndefined()
    expect(result.text).toBe('Hello')
  })

  it('the error of an unlisted model suggests a name', async () => {
    const models = await provider(404)
    const { error } = await record(agentOf({ model: 'acme/sonet' }), 'Hi', { models })
    expect(error?.message).toBe(
      'The model answered with 404: model not found (Acme is not known to have a model "sonet". Did you mean "team/sonnet"?)',
    )
    const known = await record(agentOf({ model: 'acme/team/sonnet' }), 'Hi', { models })
    expect(known.error?.message).toBe('The model answered with 404: model not found')
  })
})
