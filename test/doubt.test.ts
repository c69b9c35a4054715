import { describe, expect, it } from 'vitest'

import { Registry } from '../src/model/registry.ts'
import { overridesOf } from '../src/model/registry/overrides.ts'
import { createModels } from '../src/model/resolve.ts'
import { chatStreams } from './fixtures/chat-streams.ts'
import { eventStream, upstream } from './fixtures/upstream.ts'
import { agentOf, record } from './recorded-run.ts'

/** A listed provider that is on this machine, with one model. */
async function provider(status: number) {
  const { baseUrl } = await upstream((response) => {
    if (status === 200) {
      eventStream(response).end(chatStreams['text, usage in a last chunk without choices'])
    } else response.writeHead(status).end('{"error": {"message": "model not found"}}')
  })
  const overrides = overridesOf({
    acme: { name: 'Acme', api: baseUrl, models: { 'team/sonnet': { limit: { context: 9 } } } },
  })
  return createModels({ environment: {}, registry: new Registry({ overrides }) })
}

describe('a model that the registry does not know', () => {
  it('is asked all the same', async () => {
    const models = await provider(200)
    const { result, error } = await record(agentOf({ model: 'acme/brand-new' }), 'Hi', { models })
    expect(error).toBeUndefined()
    expect(result.text).toBe('Hello')
  })

  it('is told with the name that it may be meant for, when it fails', async () => {
    const models = await provider(404)
    const { error } = await record(agentOf({ model: 'acme/sonet' }), 'Hi', { models })
    expect(error?.message).toBe(
      'The model answered with 404: model not found (Acme is not known to have a model "sonet". Did you mean "team/sonnet"?)',
    )
    const known = await record(agentOf({ model: 'acme/team/sonnet' }), 'Hi', { models })
    expect(known.error?.message).toBe('The model answered with 404: model not found')
  })
})
