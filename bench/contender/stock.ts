/**
 * The AI SDK in the form of its own documentation: Hono, `streamText`, the UI message stream, and
 * the provider for OpenAI-compatible APIs (`ai` docs, "Chatbot", "Tools" and "OpenAI Compatible
 * Providers"). It sends the model the same prompt and tools as Loom's default agent;
 * `test/bench.test.ts` checks that. It does not import the agent, because that module would load
 * Loom into this process.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { serve } from '@hono/node-server'
import {
  convertToModelMessages,
  createUIMessageStreamResponse,
  generateText,
  isStepCount,
  streamText,
  tool,
  toUIMessageStream,
} from 'ai'
import type { UIMessage } from 'ai'
import { Hono } from 'hono'
import { z } from 'zod'

import { calculator } from '../../tools/calculator.ts'
import { evaluate } from '../../tools/calculator/expression.ts'
import { clock } from '../../tools/clock.ts'
import { human } from '../../tools/human.ts'
import { remind } from '../../tools/remind.ts'

const instructions = `You are a helpful assistant. Answer in the language of the question, briefly and plainly.
Calculate with the calculator, never in your head, and ask the clock for dates and times.
Hand a question that needs several steps of its own to the researcher, and say in your own words what it reports.
Use remind for what must happen later.
Ask the human only what cannot be found out and is theirs to decide. If you do not know something, say so.`

const bench = createOpenAICompatible({
  name: 'bench',
  apiKey: process.env['BENCH_API_KEY'] ?? '',
  baseURL: process.env['BENCH_BASE_URL'] ?? '',
  includeUsage: true,
})

const tools = {
  calculator: tool({
    description: calculator.description,
    inputSchema: z.object({
      expr: z
        .string()
        .min(1)
        .max(1_000)
        .describe('The expression, for example "(2 + 3) * sqrt(16)"'),
    }),
    execute: ({ expr }) => ({ result: evaluate(expr) }),
  }),
  clock: tool({
    description: clock.description,
    inputSchema: z.object({
      timeZone: z
        .string()
        .max(100)
        .optional()
        .describe('An IANA time zone such as "Europe/Berlin" or "UTC"'),
    }),
    execute: ({ timeZone }) => ({ text: new Date().toLocaleString('en-GB', { timeZone }) }),
  }),
  researcher: tool({
    description: 'Works out one question thoroughly and reports what it found.',
    inputSchema: z.object({
      prompt: z.string().describe('The task, with everything the agent must know to do it.'),
    }),
    execute: async ({ prompt }) => (await generateText({ model: bench('model'), prompt })).text,
  }),
  remind: tool({
    description: remind.description,
    inputSchema: z.object({
      action: z.enum(['add', 'list', 'remove']),
      message: z.string().max(10_000).optional().describe('The text of the message'),
      afterSeconds: z.number().min(0).optional(),
      at: z
        .string()
        .optional()
        .describe('ISO 8601 with a time zone, such as "2027-01-31T09:00:00+01:00"'),
      everySeconds: z.number().min(1).optional(),
      cron: z.string().optional().describe('Five fields, such as "0 9 * * 1" for Mondays at 9:00'),
      timeZone: z.string().optional().describe('For cron: an IANA name. The default is UTC'),
      id: z.string().optional(),
    }),
    execute: ({ action }) => ({ action }),
  }),
  // Without `execute`, so that the client answers it.
  human: tool({
    description: human().description,
    inputSchema: z.object({
      question: z.string().min(1).max(4000).describe('One question, in the language of the human'),
      options: z
        .array(z.string().min(1).max(200))
        .max(20)
        .optional()
        .describe('Answers to choose from; the human may give another one'),
      default: z.string().max(1000).optional().describe('The meaning of an empty answer'),
    }),
    outputSchema: z.string(),
  }),
}

const app = new Hono()

app.post('/api/chat', async (c) => {
  const { messages } = await c.req.json<{ messages: UIMessage[] }>()
  const result = streamText({
    model: bench('model'),
    instructions,
    messages: await convertToModelMessages(messages),
    tools,
    stopWhen: isStepCount(10),
  })
  return createUIMessageStreamResponse({
    stream: toUIMessageStream({ stream: result.stream }),
  })
})

serve({ fetch: app.fetch, port: Number(process.env['PORT']), hostname: '127.0.0.1' })
