/** Each listed provider with an address becomes a client that sends the right key to the right address. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'

import { Registry } from '../src/model/registry.ts'
import type { ProviderEntry } from '../src/model/registry/entry.ts'
import { createModels } from '../src/model/resolve.ts'
import { everyHost } from './every-host.ts'

const prompt: LanguageModelV4CallOptions['prompt'] = [
  { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
]
const key = 'key-of-the-test-1234'

/** Addresses with variables, filled in by hand. */
const filled: Record<string, [values: Record<string, string>, url: string, key: string]> = {
  'cloudflare-workers-ai': [
    { CLOUDFLARE_ACCOUNT_ID: 'acc' },
    '//api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions',
    'CLOUDFLARE_API_KEY',
  ],
  databricks: [
    { DATABRICKS_HOST: 'https://dbc-1.cloud.databricks.com/' },
    '//dbc-1.cloud.databricks.com/ai-gateway/mlflow/v1/chat/completions',
    'DATABRICKS_TOKEN',
  ],
  'snowflake-cortex': [
    { SNOWFLAKE_ACCOUNT: 'org-acc' },
    '//org-acc.snowflakecomputing.com/api/v2/cortex/v1/chat/completions',
    'SNOWFLAKE_CORTEX_PAT',
  ],
  neon: [
    { NEON_AI_GATEWAY_BASE_URL: 'https://gateway.neon.example/' },
    '//gateway.neon.example/v1/chat/completions',
    'NEON_AI_GATEWAY_TOKEN',
  ],
  infomaniak: [
    { INFOMANIAK_PRODUCT_ID: '42' },
    '//api.infomaniak.com/2/ai/42/openai/v1/chat/completions',
    'INFOMANIAK_API_KEY',
  ],
  'privatemode-ai': [{}, '//localhost:8080/v1/chat/completions', 'PRIVATEMODE_API_KEY'],
}

/** By the package of a listed provider. All others use OpenAI's chat completions. */
const paths: Record<string, [path: string, header: string]> = {
  '@ai-sdk/anthropic': ['/messages', 'x-api-key'],
  '@ai-sdk/openai': ['/responses', 'authorization'],
}

function expectedOf({ id, npm = '', api = '', env }: ProviderEntry) {
  const [path, header] = paths[npm] ?? ['/chat/completions', 'authorization']
  const [values, url, variable] = filled[id] ?? []
  const address = api.replace(/^https?:/, '').replace(/\/+$/, '')
  return {
    values: values ?? {},
    url: url ?? (address.endsWith(path) ? address : address + path),
    variable: variable ?? env[0] ?? '',
    header,
  }
}

const registry = new Registry()
const listed = await registry.providers()
const addressed = listed.filter(({ api }) => api !== undefined)
/** A name that is in no list, so that only the provider's own protocol counts. */
const unlistedModel = 'a-model/of:none'

describe('providers with an address', () => {
  it('the list has 199 providers with an address', () => {
    expect(listed).toHaveLength(225)
    expect(addressed).toHaveLength(199)
  })

  it('each provider receives its own key at its own address', async () => {
    const host = await everyHost()
    for (const provider of addressed) {
      const { values, url, variable, header } = expectedOf(provider)
      const models = createModels({
        environment: { [variable]: key, ...values },
        registry,
        transport: host.transport,
      })
      const model = await models.resolve(`${provider.id}/${unlistedModel}`)
      await expect(model.doStream({ prompt }), provider.id).rejects.toThrow()
      const sent = host.requests.splice(0)
      expect(
        sent.map((request) => request.url),
        provider.id,
      ).toEqual([url])
      const bearer = header === 'authorization' ? 'Bearer ' : ''
      expect(sent[0]?.headers[header], provider.id).toBe(bearer + key)
      expect(JSON.parse(sent[0]?.body ?? ''), provider.id).toMatchObject({ model: unlistedModel })
      expect(models.redact(`said ${key}`), provider.id).toBe('said [redacted]')
    }
  })

  it('a missing key is named unless the provider is local', async () => {
    for (const provider of addressed) {
      const { values, variable } = expectedOf(provider)
      const models = createModels({ environment: values, registry })
      const resolved = models.resolve(`${provider.id}/m`)
      if (/^http:\/\/(localhost|127)/.test(provider.api ?? '')) await resolved
      else {
        await expect(resolved, provider.id).rejects.toMatchObject({
          code: 'missing-key',
          message: expect.stringContaining(`set ${variable}`),
        })
      }
    }
  })

  it('a missing part of an address is named', async () => {
    const models = createModels({ environment: { CLOUDFLARE_API_KEY: key }, registry })
    await expect(models.resolve('cloudflare-workers-ai/m')).rejects.toMatchObject({
      code: 'missing-key',
      message: expect.stringContaining('set CLOUDFLARE_ACCOUNT_ID.'),
    })
    // All variables at once, not one after the other.
    await expect(createModels({ environment: {}, registry }).resolve('azure/m')).rejects.toThrow(
      'Model "azure/m" needs to know where it is: set AZURE_RESOURCE_NAME, and its API key: AZURE_API_KEY.',
    )
  })
})

describe('well-known addresses', () => {
  it.each([
    ['fireworks', 'FIREWORKS_API_KEY', '//api.fireworks.ai/inference/v1/chat/completions'],
    ['fireworks-ai', 'FIREWORKS_API_KEY', '//api.fireworks.ai/inference/v1/chat/completions'],
    ['openrouter', 'OPENROUTER_API_KEY', '//openrouter.ai/api/v1/chat/completions'],
    ['deepseek', 'DEEPSEEK_API_KEY', '//api.deepseek.com/chat/completions'],
    ['moonshotai', 'MOONSHOT_API_KEY', '//api.moonshot.ai/v1/chat/completions'],
    ['huggingface', 'HF_TOKEN', '//router.huggingface.co/v1/chat/completions'],
    ['groq', 'GROQ_API_KEY', '//api.groq.com/openai/v1/chat/completions'],
    ['mistral', 'MISTRAL_API_KEY', '//api.mistral.ai/v1/chat/completions'],
    ['xai', 'XAI_API_KEY', '//api.x.ai/v1/chat/completions'],
    ['grok', 'GROK_API_KEY', '//api.x.ai/v1/chat/completions'],
    ['together', 'TOGETHER_API_KEY', '//api.together.xyz/v1/chat/completions'],
    ['cerebras', 'CEREBRAS_API_KEY', '//api.cerebras.ai/v1/chat/completions'],
    ['deepinfra', 'DEEPINFRA_API_KEY', '//api.deepinfra.com/v1/openai/chat/completions'],
    ['perplexity', 'PERPLEXITY_API_KEY', '//api.perplexity.ai/chat/completions'],
    ['vercel', 'AI_GATEWAY_API_KEY', '//ai-gateway.vercel.sh/v1/chat/completions'],
    ['anthropic', 'ANTHROPIC_API_KEY', '//api.anthropic.com/v1/messages'],
    ['openai', 'OPENAI_API_KEY', '//api.openai.com/v1/responses'],
    ['minimax', 'MINIMAX_API_KEY', '//api.minimax.io/anthropic/v1/messages'],
  ])('the address of %s is right', async (provider, variable, url) => {
    const host = await everyHost()
    const environment = { [variable]: key }
    const models = createModels({ environment, registry, transport: host.transport })
    const model = await models.resolve(`${provider}/${unlistedModel}`)
    await expect(model.doStream({ prompt })).rejects.toThrow()
    expect(host.requests.map((request) => request.url)).toEqual([url])
    expect(JSON.stringify(host.requests[0]?.headers)).toContain(key)
  })

  it('the address differs by model behind a gateway', async () => {
    const host = await everyHost()
    const environment = {
      ZENMUX_API_KEY: key,
      OPENCODE_API_KEY: key,
      AZURE_API_KEY: key,
      AZURE_RESOURCE_NAME: 'corp',
    }
    const models = createModels({ environment, registry, transport: host.transport })
    const byPackage = async (provider: string, npm: string) => {
      const model = (await registry.models(provider)).find((model) => model.npm === npm)
      await expect(
        (await models.resolve(`${provider}/${model?.id}`)).doStream({ prompt }),
      ).rejects.toThrow()
      return host.requests.at(-1)?.url
    }
    expect(await byPackage('zenmux', '@ai-sdk/anthropic')).toBe(
      '//zenmux.ai/api/anthropic/v1/messages',
    )
    expect(await byPackage('zenmux', '@ai-sdk/openai')).toBe('//zenmux.ai/api/v1/responses')
    expect(await byPackage('opencode', '@ai-sdk/anthropic')).toBe('//opencode.ai/zen/v1/messages')
    expect(await byPackage('opencode', '@ai-sdk/google')).toMatch(
      /^\/\/opencode\.ai\/zen\/v1\/models\/.+:streamGenerateContent/,
    )
    expect(await byPackage('azure', '@ai-sdk/anthropic')).toBe(
      '//corp.services.ai.azure.com/anthropic/v1/messages',
    )
  })

  it('an address of the user overrides the listed one', async () => {
    const host = await everyHost()
    const environment = { FIREWORKS_BASE_URL: 'http://proxy.corp/v1', FIREWORKS_API_KEY: key }
    const models = createModels({ environment, registry, transport: host.transport })
    await expect((await models.resolve('fireworks/m')).doStream({ prompt })).rejects.toThrow()
    expect(host.requests[0]?.url).toBe('//proxy.corp/v1/chat/completions')
    // The facts of a listed model of that name apply there too. Other models have no facts.
    expect(await models.facts('fireworks/accounts/fireworks/models/kimi-k3')).toHaveProperty(
      'contextWindow',
    )
    expect(await models.facts('fireworks/of-the-corporation')).toEqual({})
  })
})

describe('a key in an unusual variable', () => {
  it.each(listed.map(({ id, env }) => [id, env.filter((name) => /KEY|TOKEN|_PAT$/.test(name))]))(
    'every key is redacted: %s',
    (_id, names) => {
      const secrets = [...names].filter((name) => name !== 'AWS_ACCESS_KEY_ID')
      const environment = Object.fromEntries(secrets.map((name) => [name, `secret-${name}`]))
      const models = createModels({ environment })
      for (const name of secrets) expect(models.redact(`… secret-${name} …`)).toBe('… [redacted] …')
    },
  )
})
