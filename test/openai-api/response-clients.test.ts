/** The Responses API through the AI SDK, which names items of earlier responses instead of sending them again. */
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, type ModelMessage, stepCountIs, streamText, tool } from 'ai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent, defineTool } from '../../src/index.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'

async function open(scripts: Script[], definition: Partial<AgentDefinition> = {}) {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent])
  onTestFinished(() => served[Symbol.asyncDispose]())
  const provider = createOpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any-key' })
  /** The roles and texts of the prompt of a call. */
  const prompt = (call: number) =>
    model.asked[call]?.prompt
      .filter(({ role }) => role !== 'system')
      .map(({ role, content }) => {
        const parts = Array.isArray(content) ? content : []
        return `${role}: ${parts.map((part) => (part.type === 'text' ? part.text : part.type)).join(' ')}`
      })
  return { tutor: provider.responses('tutor'), prompt, model }
}

const weather = tool({
  description: 'Returns the weather',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `rain in ${city}`,
})

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
})

describe('the AI SDK', () => {
  it.for([false, true])(
    'runs its tools and repeats the conversation (stream: %s)',
    async (stream) => {
      const { tutor, prompt } = await open([
        calls(['weather', { city: 'Oslo' }]),
        says('It rains.'),
        says('Take a coat.'),
      ])
      const messages: ModelMessage[] = [{ role: 'user', content: 'The weather in Oslo?' }]
      const ask = async () => {
        const options = { model: tutor, messages, tools: { weather }, stopWhen: stepCountIs(3) }
        const result = stream ? streamText(options) : await generateText(options)
        const text = await result.text
        messages.push(...(await result.response).messages)
        return text
      }
      expect(await ask()).toBe('It rains.')
      expect(prompt(1)).toEqual([
        'user: The weather in Oslo?',
        'assistant: tool-call',
        'tool: tool-result',
      ])
      messages.push({ role: 'user', content: 'So?' })
      expect(await ask()).toBe('Take a coat.')
      expect(prompt(2)?.slice(-2)).toEqual(['assistant: It rains.', 'user: So?'])
    },
  )

  it('sees the calls that the agent ran, and repeats them', async () => {
    const { tutor, prompt } = await open(
      [calls(['add', { a: 1, b: 2 }]), says('It is 3.'), says('Sure.')],
      { tools: [add] },
    )
    const messages: ModelMessage[] = [{ role: 'user', content: '1 + 2?' }]
    const result = streamText({ model: tutor, messages })
    expect(await result.text).toBe('It is 3.')
    const ran = (await result.toolResults)[0]
    expect(JSON.stringify(ran?.output)).toContain('3')
    messages.push(...(await result.response).messages, { role: 'user', content: 'Sure?' })
    const second = await generateText({ model: tutor, messages })
    expect(second.text).toBe('Sure.')
    expect(prompt(2)?.at(0)).toBe('user: 1 + 2?')
    expect(prompt(2)?.at(-1)).toBe('user: Sure?')
    expect(prompt(2)?.join('\n')).toContain('tool-result')
  })

  it('continues a response by its id', async () => {
    const { tutor, prompt } = await open([says('One.'), says('Two.')])
    const first = await generateText({ model: tutor, prompt: 'First?' })
    const previousResponseId = first.providerMetadata?.['openai']?.['responseId'] ?? null
    const second = await generateText({
      model: tutor,
      prompt: 'Second?',
      providerOptions: { openai: { previousResponseId } },
    })
    expect(second.text).toBe('Two.')
    expect(prompt(1)).toEqual(['user: First?', 'assistant: One.', 'user: Second?'])
  })
})
