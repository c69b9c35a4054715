import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'

import { Registry } from '../src/model/registry.ts'
import { aliasOf, shortNames } from '../src/model/registry/aliases.ts'
import {
  Catalog,
  encodeCatalog,
  joinCatalog,
  packCatalog,
  unpackCatalog,
} from '../src/model/registry/catalog.ts'
import type { ModelEntry } from '../src/model/registry/entry.ts'
import { readModel } from '../src/model/registry/entry.ts'
import { overridesOf, readOverrides } from '../src/model/registry/overrides.ts'
import { encodePayload } from '../src/model/registry/payload.ts'
import { shippedCatalog } from '../src/model/registry/shipped.ts'
import { createModels } from '../src/model/resolve.ts'

const origin = { source: 'test', takenAt: 1 }

describe('the list that is part of Loom', () => {
  it('the list is complete', async () => {
    const catalog = await shippedCatalog()
    const models = [...catalog.providers.keys()].flatMap((id) => [...catalog.models(id)])
    expect(catalog.providers.size).toBe(225)
    expect(models).toHaveLength(8261)
    expect(catalog.modelCount).toBe(8261)
    expect(models.filter(({ price }) => price !== undefined)).toHaveLength(7837)
    expect(models.filter(({ price }) => price?.tiers !== undefined)).toHaveLength(585)
    expect(models.filter(({ tools }) => tools === true)).toHaveLength(7214)
    expect(models.filter(({ reasoning }) => reasoning === true)).toHaveLength(6072)
    expect(models.filter(({ contextWindow }) => contextWindow === undefined)).toHaveLength(143)
    expect(models.filter(({ contextWindow = 1 }) => contextWindow <= 0)).toEqual([])
    expect(models.filter(({ output }) => output?.includes('text') === false)).toHaveLength(204)
  })

  it('each model of the list is found by its id', async () => {
    const catalog = await shippedCatalog()
    for (const provider of catalog.providers.keys()) {
      for (const model of catalog.models(provider)) {
        expect(catalog.model(provider, model.id)).toEqual(model)
      }
    }
  })
})

describe('short names', () => {
  it('short names belong to listed providers without that id', async () => {
    const { providers } = await shippedCatalog()
    for (const name of shortNames) {
      expect(providers.has(name), name).toBe(false)
      expect(providers.has(aliasOf(name)), name).toBe(true)
    }
    expect(shortNames).toContain('fireworks')
  })
})

describe('a catalog', () => {
  const id = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.constantFrom('a/b:c', '"', '\\', '{"id":"x"', '\n', 'é', '日本/語', '__proto__', 'a'),
  )
  const list = fc.uniqueArray(
    fc.record({
      id,
      models: fc.uniqueArray(fc.record({ id, name: fc.string() }), { selector: ({ id }) => id }),
    }),
    { selector: ({ id }) => id },
  )

  it('a catalog returns its content, by line and packed', async () => {
    await fc.assert(
      fc.asyncProperty(list, async (list) => {
        const providers = list.map(({ id, models }) => ({
          provider: { id, name: id, env: [] },
          models,
        }))
        const catalog = await unpackCatalog(await packCatalog(encodeCatalog(origin, providers), 1))
        expect([...catalog.providers.keys()]).toEqual(list.map(({ id }) => id))
        for (const { id, models } of list) {
          expect([...catalog.models(id)]).toEqual(models)
          for (const model of models) expect(catalog.model(id, model.id)).toEqual(model)
          expect(catalog.model(id, 'no such model, really')).toBeUndefined()
        }
      }),
      { numRuns: 50 },
    )
  })

  it('an incomplete catalog or another format is refused', () => {
    const text = encodeCatalog(origin, [
      { provider: { id: 'a', name: 'A', env: [] }, models: [{ id: 'm' }, { id: 'n' }] },
    ])
    expect(() => new Catalog(text.subarray(0, -1))).toThrow(/not whole/)
    expect(() => new Catalog(Buffer.concat([text, Buffer.from('x')]))).toThrow(/not whole/)
    expect(
      () => new Catalog(Buffer.from(text.toString().replace('"format":1', '"format":2'))),
    ).toThrow(/another format/)
    expect(() => new Catalog(Buffer.from('<html>'))).toThrow()
    expect(() => new Catalog(Buffer.alloc(0))).toThrow()
  })
})

describe('the JSON of models.dev', () => {
  it('0 means unknown', () => {
    expect(readModel('m', { limit: { context: 0, input: 0, output: 0 } })).toEqual({ id: 'm' })
    expect(readModel('m', { limit: { context: 5, output: 3 } })).toEqual({
      id: 'm',
      contextWindow: 5,
      maxOutputTokens: 3,
    })
  })

  it('any JSON object is read in place of models.dev', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (payload) => {
        const encoded = await encodePayload(payload)
        const catalog = new Catalog(joinCatalog(origin, encoded))
        expect(catalog.providers.size).toBe(encoded.length)
      }),
    )
    for (const value of [null, 7, 'x', [], undefined]) {
      await expect(encodePayload(value)).rejects.toThrow('no object')
    }
  })

  it('only a field with a wrong type is left out', () => {
    const entry: ModelEntry | undefined = readModel('m', {
      name: 7,
      limit: 'much',
      cost: 'cheap',
      reasoning: 'yes',
      tool_call: true,
      modalities: { input: ['text', 7], output: 'text' },
      provider: { npm: ['x'], api: 'https://a.example' },
    })
    expect(entry).toEqual({ id: 'm', tools: true, input: ['text'], api: 'https://a.example' })
  })
})

describe('the user’s overrides', () => {
  const overrides = overridesOf({
    corp: {
      api: 'https://llm.corp.example/v1',
      env: ['CORP_LLM_KEY'],
      models: {
        'team/m:1': { name: 'Ours', limit: { context: 32_000 }, cost: { input: 1, output: 2 } },
      },
    },
    anthropic: { models: { 'claude-sonnet-4-5': { limit: { context: 200_000 } } } },
  })
  const registry = new Registry({ overrides })

  it('overrides replace fields of the list', async () => {
    const model = await registry.model('anthropic', 'claude-sonnet-4-5')
    expect(model).toMatchObject({ contextWindow: 200_000, maxOutputTokens: 64_000, tools: true })
    expect(await registry.provider('anthropic')).toMatchObject({ env: ['ANTHROPIC_API_KEY'] })
    expect((await registry.models('anthropic')).length).toBe(
      [...(await shippedCatalog()).models('anthropic')].length,
    )
  })

  it('overrides add providers and models', async () => {
    const models = createModels({ environment: { CORP_LLM_KEY: 'key-of-corp' }, registry })
    expect(await models.resolve('corp/team/m:1')).toMatchObject({
      provider: 'corp',
      modelId: 'team/m:1',
    })
    expect(await models.facts('corp/team/m:1')).toMatchObject({
      contextWindow: 32_000,
      price: { input: 1, output: 2 },
    })
    expect(models.redact('key-of-corp')).toBe('[redacted]')
    expect((await models.search({ query: 'corp ours' })).models).toMatchObject([
      { id: 'corp/team/m:1', name: 'Ours', configured: true },
    ])
  })

  it('overrides apply to models at the user’s own address', async () => {
    const environment = { CORP_BASE_URL: 'http://127.0.0.1:1/v1' }
    const models = createModels({ environment, registry })
    expect(await models.facts('corp/team/m:1')).toMatchObject({ contextWindow: 32_000 })
    expect(await models.facts('corp/other')).toEqual({})
  })

  it('an unreadable file of overrides is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loom-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'models.json')
    await expect(readOverrides(file)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(/^LOOM_MODELS_PATH: /),
    })
    for (const [text, words] of [
      ['{', /JSON/],
      ['[]', /an object of providers/],
      ['{"corp": 7}', /an object at "corp"/],
    ] as const) {
      await writeFile(file, text)
      await expect(readOverrides(file)).rejects.toThrow(words)
    }
    await writeFile(file, '{"corp": {"models": {"m": {"cost": {"input": 1, "output": 2}}}}}')
    expect((await readOverrides(file)).models.get('corp')?.get('m')?.price).toEqual({
      input: 1,
      output: 2,
    })
  })
})

describe('facts', () => {
  const models = createModels({
    environment: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', OPENROUTER_API_KEY: 'key-of-router' },
  })

  it('facts are those of the list, by id and short name', async () => {
    const facts = await models.facts('fireworks/accounts/fireworks/models/kimi-k3')
    expect(facts).toMatchObject({ contextWindow: 1_048_576, price: { input: 3, output: 15 } })
    expect(facts).toEqual(await models.facts('fireworks-ai/accounts/fireworks/models/kimi-k3'))
    expect(await models.facts('openrouter/openai/gpt-5')).toMatchObject({ reportsCost: true })
    expect(await models.facts('openai/none-such')).toEqual({})
  })

  it('facts apply to equal names at the user’s own address', async () => {
    // This model refuses a temperature, also through a proxy.
    const facts = await models.facts('openai/gpt-5')
    expect(facts).toMatchObject({ temperature: false, price: { input: 1.25, output: 10 } })
    const proxied = createModels({ environment: { FIREWORKS_BASE_URL: 'http://127.0.0.1:1/v1' } })
    expect(await proxied.facts('fireworks/accounts/fireworks/models/kimi-k3')).toMatchObject({
      contextWindow: 1_048_576,
    })
  })

  it('an unknown model has no facts', async () => {
    for (const reference of ['demo/assistant', 'nobody/x', 'groq/none', 'nonsense', '']) {
      expect(await models.facts(reference), reference).not.toHaveProperty('price')
    }
  })

  it('an unlisted model is doubted, with similar names', async () => {
    expect(await models.doubt('anthropic/claude-sonet-4-5')).toBe(
      'Anthropic is not known to have a model "claude-sonet-4-5". Did you mean "claude-sonnet-4-5" or "claude-sonnet-4-6"?',
    )
    for (const reference of [
      'anthropic/claude-sonnet-4-5',
      'openai/gpt-55',
      'demo/x',
      'nobody/x',
      'x',
    ]) {
      expect(await models.doubt(reference), reference).toBeUndefined()
    }
  })
})

describe('a search', () => {
  const models = createModels({ environment: { FIREWORKS_API_KEY: 'key-of-fireworks' } })

  it('a search finds all words and lists usable models first', async () => {
    const { models: found, total } = await models.search({ query: 'Kimi K3', limit: 5 })
    expect(found).toHaveLength(5)
    expect(total).toBeGreaterThan(5)
    for (const { id, name } of found)
      expect(`${id} ${name}`.toLowerCase()).toMatch(/kimi.*k3|k3.*kimi/s)
    expect(found.map(({ configured }) => configured)).toEqual(
      found.map(({ configured }) => configured).toSorted((a, b) => Number(b) - Number(a)),
    )
    expect(found[0]).toMatchObject({
      configured: true,
      id: expect.stringMatching(/^fireworks-ai\//),
    })
  })

  it('a search can be limited to usable models', async () => {
    const list = await models.search({ configured: true, limit: 1000 })
    expect(list.providers).toEqual(['fireworks-ai'])
    expect(list.models.length).toBe(list.total)
    for (const { id } of list.models) expect(id).toMatch(/^(?:fireworks-ai|demo)\//)
    expect(list.models[0]).toMatchObject({ id: 'demo/assistant' })
  })

  it('a search counts omitted models and returns no address', async () => {
    const { models: found, total } = await models.search({ query: '', limit: 50 })
    expect(found).toHaveLength(50)
    expect(total).toBe(8262)
    expect(JSON.stringify(found)).not.toMatch(/https?:|"api"|"npm"/)
    expect(await models.search({ query: 'nothing holds these words' })).toMatchObject({
      models: [],
      total: 0,
    })
  })
})
