/**
 * A server process whose tools and agents produce large values. `REDIS_URL` selects its store,
 * which is otherwise in memory, and `BULK_PROVIDER_URL` its provider. It writes its address like
 * `loom serve`.
 */
import { jsonSchema } from 'ai'

import { agentTool } from '../../src/agent-tool.ts'
import { type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { defineTool } from '../../src/define-tool.ts'
import { openAICompatible } from '../../src/model/openai-compatible.ts'
import { createModels } from '../../src/model/resolve.ts'
import { openServed } from '../sessions/served.ts'

const megabyte = 1024 * 1024
const redisUrl = process.env['REDIS_URL']
const baseUrl = process.env['BULK_PROVIDER_URL'] ?? ''
const model = openAICompatible({ provider: 'openai', modelId: 'bulk', baseUrl })
const inputSchema = jsonSchema<object>({ type: 'object', properties: {} })
const deep = (levels: number): unknown => (levels === 0 ? 'x' : [deep(levels - 1)])

const text = 'A line of words, "quoted", as a tool gives it.\n'
const tool = (name: string, execute: () => unknown) =>
  defineTool({ name, description: name, inputSchema, execute })

const writer = defineAgent({
  name: 'writer',
  systemPrompt: 'Write.',
  tools: [tool('large', () => text.repeat((10 * megabyte) / text.length))],
  model,
})
const tools = [
  tool('large', () => text.repeat((10 * megabyte) / text.length)),
  tool('quotes', () => '"'.repeat(8_000_000)),
  tool('list', () => Array.from({ length: 33_000 }, (_, index) => ({ index, name: 'an entry' }))),
  tool('deep', () => Array.from({ length: 1000 }, () => deep(90))),
  tool('object', () => ({ image: 'x'.repeat(10 * megabyte), tree: deep(97) })),
  agentTool(writer, { name: 'writer' }),
]

const definition = { systemPrompt: 'Look.', tools, model } satisfies Partial<AgentDefinition>
const wide = { compaction: false, contextWindow: 100_000_000 } as const
const models = createModels({
  environment: {
    ANTHROPIC_API_KEY: 'key',
    ANTHROPIC_BASE_URL: baseUrl,
    GOOGLE_API_KEY: 'key',
    GOOGLE_BASE_URL: baseUrl,
    OPENAI_API_KEY: 'key',
    OPENAI_BASE_URL: baseUrl,
  },
})
const claude = await models.resolve('anthropic/claude-sonnet-4-5')
const gemini = await models.resolve('google/gemini-3-pro-preview')
const gpt = await models.resolve('openai/gpt-5')
const served = await openServed(
  [
    defineAgent({ ...definition, ...wide, name: 'wide' }),
    defineAgent({ ...definition, name: 'narrow', contextWindow: 20_000 }),
    defineAgent({ ...definition, name: 'usual' }),
    defineAgent({ ...definition, ...wide, name: 'packaged', model: claude }),
    defineAgent({ ...definition, ...wide, name: 'gemini', model: gemini }),
    defineAgent({ ...definition, ...wide, name: 'responses', model: gpt }),
  ],
  redisUrl === undefined ? {} : { REDIS_URL: redisUrl },
)
process.stdout.write(`Loom is ready: ${served.url}\n`)
