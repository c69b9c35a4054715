import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'

import type {
  JSONValue,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'
import { stepCountIs, streamText, tool } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { researcher as researcherAgent } from '../agents/researcher.ts'
import { agentTool } from '../src/agent-tool.ts'
import { LoomError } from '../src/ground/error.ts'
import { type DirectModel, streamParts } from '../src/model.ts'
import { demoModel, demoModelIds } from '../src/model/demo.ts'
import { agentOf, record } from './recorded-run.ts'

const fast = demoModel('demo/fast')

describe('the demo model', () => {
  it.each([
    ['What is 6 * 7?', ['6 * 7']],
    ['123 times 456', ['123 * 456']],
    ["what's 2 + 2, squared", ['(2 + 2) ^ 2']],
    ['Think about it: what is 2 + 2, squared?', ['(2 + 2) ^ 2']],
    ['1,234.5 minus 34.5', ['1234.5 - 34.5']],
    ['8 divided by 4', ['8 / 4']],
    ['2 × 3 ÷ 4', ['2 * 3 / 4']],
    ['2^10', ['2 ^ 10']],
    ['(1 + 2) * -3', ['(1 + 2) * -3']],
    ['What is 6*7? And 8 minus 2?', ['6 * 7', '8 - 2']],
  ])('the demo model calculates "%s" with the calculator', async (text, expressions) => {
    const parts = await ask(user(text), [calculator])
    expect(callsIn(parts)).toEqual(expressions.map((expr) => ['calculator', { expr }]))
    expect(finishOf(parts).finishReason.unified).toBe('tool-calls')
  })

  it.each([
    'I have 3 cats',
    'On 2026-11-22 at 10:30',
    'well - no',
    'open 24/7',
    'version 1.2.3',
    // Its rules cannot express these sums, and a part of one would be a wrong answer.
    'the square root of 16 plus 2',
    '100 plus 10%',
  ])('the demo model finds no sum in "%s"', async (text) => {
    const parts = await ask(user(text), [calculator])
    expect(callsIn(parts)).toEqual([])
    expect(finishOf(parts).finishReason.unified).toBe('stop')
  })

  it.each([
    ['What time is it?', [{}]],
    ["what's the date today?", [{}]],
    ['What time is it in Tokyo?', [{ timeZone: 'Asia/Tokyo' }]],
    ['current time in Europe/Berlin', [{ timeZone: 'Europe/Berlin' }]],
    ['What time is it in Atlantis?', [{ timeZone: 'Atlantis' }]],
    [
      'What time is it in Tokyo and in New York?',
      [{ timeZone: 'Asia/Tokyo' }, { timeZone: 'America/New_York' }],
    ],
    [
      'time in Paris and New York',
      [{ timeZone: 'Europe/Paris' }, { timeZone: 'America/New_York' }],
    ],
  ])('the demo model calls the clock: "%s"', async (text, inputs) => {
    const parts = await ask(user(text), [clock])
    expect(callsIn(parts)).toEqual(inputs.map((input) => ['clock', input]))
  })

  it('the demo model calls several tools at once', async () => {
    const parts = await ask(user('What is 6*7, and what time is it in Paris?'), [calculator, clock])
    expect(callsIn(parts)).toEqual([
      ['calculator', { expr: '6*7'.replaceAll('*', ' * ') }],
      ['clock', { timeZone: 'Europe/Paris' }],
    ])
  })

  it('the demo model calls the named sub-agent', async () => {
    const parts = await ask(user('Ask the researcher what 12 * 12 is'), [calculator, researcher])
    expect(callsIn(parts)).toEqual([['researcher', { prompt: 'what 12 * 12 is' }]])
  })

  it.each([
    ['Research A, B and C', ['A', 'B', 'C']],
    ['Please research the time in Tokyo, 6 * 7, and Oslo.', ['the time in Tokyo', '6 * 7', 'Oslo']],
    ['Plan: one, two, three, four', ['one', 'two', 'three']],
    ['I have a task.\nResearch:\nred\ngreen', ['red', 'green']],
    ['Research the fall of Rome', ['the fall of Rome']],
    ['What does research cost?', []],
    ['Research?', []],
  ])('the demo model calls a researcher for each thing: "%s"', async (text, prompts) => {
    const calls = callsIn(await ask(user(text), [calculator, clock, researcher]))
    expect(calls).toEqual(prompts.map((prompt) => ['researcher', { prompt }]))
  })

  it('the demo model sums up the reports of several researchers', async () => {
    const child = { ...researcherAgent, model: fast }
    const planner = agentOf({ model: fast, tools: [agentTool(child)] })
    const { result } = await record(planner, 'Research 6 * 7, the time in Atlantis, and Oslo')
    expect(result.steps).toBe(2)
    expect(result.text).toMatch(
      /^Here is what I found:\n\n- \*\*6 \* 7\*\*: 6 × 7 = \*\*42\*\*\n- \*\*the time in Atlantis\*\*: .*Atlantis.*\n- \*\*Oslo\*\*: You wrote: “Oslo”\. .{60,120}…$/,
    )
  })

  it.each([
    [
      'Ask me which colour I like: red, green or blue',
      { question: 'Which colour do you like?', options: ['red', 'green', 'blue'] },
    ],
    ['Ask me what I want', { question: 'What do you want?' }],
  ])('the demo model calls the human tool: "%s"', async (text, input) => {
    expect(callsIn(await ask(user(text), [human]))).toEqual([['human', input]])
  })

  it.each([
    ['use researcher for Paris', ['researcher', { prompt: 'Paris' }]],
    ['run `get_weather` {"city":"Oslo","days":2}', ['get_weather', { city: 'Oslo', days: 2 }]],
  ])('the demo model fills the input of a named tool: "%s"', async (text, call) => {
    expect(callsIn(await ask(user(text), [weather, researcher]))).toEqual([call])
  })

  it.each([
    ['{"prompt": "Use get_weather {\\"city\\": \\"Oslo\\"}, then stop"}', []],
    ['{"prompt": "a } use `get_weather` }"}. Then use researcher {"prompt": "b"}', ['b']],
    ['{"prompt": "run researcher {\\"prompt\\": \\"{ run researcher\\"}"}', []],
  ])('the tools that an input names are calls of the sub-agent: %s', async (input, more) => {
    const { prompt } = JSON.parse(input.split('. Then')[0] ?? '')
    const calls = callsIn(await ask(user(`Use researcher ${input}`), [weather, researcher]))
    expect(calls).toEqual([prompt, ...more].map((each) => ['researcher', { prompt: each }]))
  })

  it.each([
    ['has finished.', '\n\nIts result:\n42', 'The researcher reports: 42'],
    ['has finished.', '\n\nIts result:\n# A\n\n- b', 'The researcher reports:\n\n# A\n\n- b'],
    [
      'has failed: No key.',
      '',
      'The background task of the agent `researcher` has failed: No key.',
    ],
    ['was stopped.', '', 'The background task of the agent `researcher` was stopped.'],
  ])('the demo model reports a background task that %s%s', async (end, result, answer) => {
    const task = 'Use get_weather {"city": "Oslo"}. What is 6 * 7?'
    const text = `The background task a~1 of the agent "researcher" ${end}\nIts task was: ${task}${result}`
    const parts = await ask(user(text), [calculator, weather, researcher])
    expect(callsIn(parts)).toEqual([])
    expect(textIn(parts)).toBe(answer)
  })

  it('the demo model calls only offered tools', async () => {
    const texts = [
      'What is 6 * 7?',
      'What time is it?',
      'ask the researcher x',
      'ask me something',
      'use clock',
    ]
    for (const text of texts) expect(callsIn(await ask(user(text), []))).toEqual([])
    const none = await ask(user('What is 6 * 7?'), [calculator], { toolChoice: { type: 'none' } })
    expect(callsIn(none)).toEqual([])
  })

  it.each([
    ['calculator', json({ result: 42 }), '6 × 7 = **42**'],
    ['clock', json({ text: 'Monday', timeZone: 'UTC' }), 'It is Monday in UTC.'],
    ['researcher', { type: 'text', value: 'All is well.' }, 'The researcher reports: All is well.'],
    ['human', json('blue'), 'You answered **blue**. Thank you.'],
    ['get_weather', json({ celsius: 21 }), 'The `get_weather` tool returned `{"celsius":21}`.'],
    ['get_weather', { type: 'text', value: 'Sun' }, 'The `get_weather` tool says: Sun.'],
    ['bash', { type: 'text', value: '- a\n+ b\n' }, 'tool says:\n\n```\n- a\n+ b\n```'],
    ['bash', { type: 'error-text', value: 'a\n```\nb' }, 'failed:\n\n````\na\n```\nb\n````'],
    ['researcher', { type: 'text', value: '# A\n\n- b' }, 'The researcher reports:\n\n# A'],
    ['get_weather', json(null), 'The `get_weather` tool is done; it returned nothing.'],
    ['get_weather', { type: 'error-text', value: 'No such city' }, 'tool failed: No such city.'],
    ['get_weather', { type: 'execution-denied' }, 'You did not allow `get_weather`'],
    ['get_weather', { type: 'execution-denied', reason: 'no money.' }, '“no money”.'],
  ] satisfies [string, LanguageModelV4ToolResultPart['output'], string][])(
    'the demo model answers with the result of %s',
    async (name, output, sentence) => {
      const input = name === 'researcher' ? { prompt: 'go' } : { expr: '6 * 7' }
      const parts = await ask(turn('go', name, output, input).slice(0, -1), [calculator, weather])
      expect(textIn(parts)).toContain(sentence)
      expect(callsIn(parts)).toEqual([])
      expect(finishOf(parts).finishReason.unified).toBe('stop')
    },
  )

  it('the demo model shortens a long output', async () => {
    const output = json({ lines: Array.from({ length: 1_000 }, () => 'a line of text') })
    const said = textIn(await ask(turn('go', 'get_weather', output).slice(0, -1), [weather]))
    expect(said).toMatch(/… \(\d+ more characters\)/)
    expect(said.length).toBeLessThan(1_000)
  })

  it('the demo model uses earlier messages', async () => {
    const prompt = [
      ...user('Hi, my name is Ada'),
      ...assistant('Hello'),
      ...user("What's my name?"),
    ]
    expect(textIn(await ask(prompt, []))).toBe('Your name is Ada.')
    const again = [...user('I like tea'), ...assistant('Good'), ...user('What did I just say?')]
    expect(textIn(await ask(again, []))).toBe('You said: “I like tea”')
  })

  it('the demo model describes itself', async () => {
    for (const text of ['Hello', 'Who are you?', 'Tell me about cats']) {
      const said = textIn(await ask(user(text), [calculator, weather]))
      expect(said).toContain("I'm Loom's demo model: no language model")
      expect(said).toContain('What is 6 * 7?')
      expect(said).toContain('get_weather')
    }
    expect(textIn(await ask(user('Tell me about cats'), []))).toContain('“Tell me about cats”')
  })

  it('the demo model describes a file', async () => {
    const file = { type: 'file' as const, mediaType: 'image/png', filename: 'cat.png' }
    const data = { type: 'data' as const, data: new Uint8Array(4_000_000) }
    const prompt: LanguageModelV4Prompt = [{ role: 'user', content: [{ ...file, data }] }]
    const parts = await ask(prompt, [])
    expect(textIn(parts)).toContain('I see an image/png called “cat.png”.')
    expect(finishOf(parts).usage.inputTokens.total).toBeLessThan(1_000)
  })

  it('the demo model describes a text file and answers', async () => {
    const file = '<file name="a.json" type="application/json">\n{"a": "9 * 9"}\n</file>'
    const parts = await ask(user(`${file}\n\nWhat is my name?`), [])
    expect(textIn(parts)).toContain('I see an application/json called “a.json”.')
    expect(textIn(parts)).toContain("You haven't told me your name yet.")
  })

  it('the demo model sends reasoning on request', async () => {
    const parts = await ask(user('Think about it: what is 2 + 2?'), [calculator])
    const reasoning = joined(parts, 'reasoning-delta')
    expect(reasoning).toContain('calculator')
    expect(finishOf(parts).usage.outputTokens.reasoning).toBeGreaterThan(0)
    const quiet = await ask(user('What is 2 + 2?'), [calculator])
    expect(joined(quiet, 'reasoning-delta')).toBe('')
  })

  it('the demo model continues a cut reply', async () => {
    const prompt = user('Tell me a story')
    const whole = textIn(await ask(prompt, []))
    const note = user('Your reply was cut off there by a broken connection. Go on exactly there.')
    const once = [...prompt, ...assistant(whole.slice(0, 100)), ...note]
    expect(textIn(await ask(once, []))).toBe(whole.slice(100))
    const twice = [...once, ...assistant(whole.slice(100, 300)), ...note]
    expect(textIn(await ask(twice, []))).toBe(whole.slice(300))
    // A turn with two takeovers has a step of each owner, and a note after the last one.
    const steps = [whole.slice(0, 100), whole.slice(100, 300)].flatMap(assistant)
    expect(textIn(await ask([...prompt, ...steps, ...note], []))).toBe(whole.slice(300))
  })

  it('demo/echo repeats the last user text and calls nothing', async () => {
    const text = 'What is 6 * 7?\n\n  Spaces  and 🙂 stay. '
    const parts = await ask(user(text), [calculator], {}, unpaced('demo/echo'))
    expect(textIn(parts)).toBe(text)
    expect(callsIn(parts)).toEqual([])
  })

  it('an unknown demo model is refused with the known ones', () => {
    expect(demoModelIds).toEqual(['assistant', 'echo', 'fast'])
    for (const id of demoModelIds) expect(demoModel(`demo/${id}`).modelId).toBe(id)
    expect(demoModel('fast').provider).toBe('demo')
    expect(() => demoModel('demo/gpt')).toThrow(
      expect.objectContaining({
        constructor: LoomError,
        code: 'unknown-model',
        message:
          'There is no model "demo/gpt". The demo models are demo/assistant, demo/echo, demo/fast.',
      }),
    )
  })
})

describe('the stream of the demo model', () => {
  it('the stream opens and closes every part once', async () => {
    const word = fc.constantFrom(
      'what',
      'is',
      'the',
      'time',
      'in',
      'Paris',
      '6',
      '*',
      '7',
      'plus',
      'squared',
      '(',
      ')',
      '%',
      'of',
      'that',
      'use',
      'get_weather',
      'think',
      'ask',
      'me',
      ':',
      ',',
      '"',
      '{',
      'research',
      '🙂',
      '\n',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 25 }), async (words) => {
        const parts = await ask(user(words.join(' ')), [
          calculator,
          clock,
          human,
          researcher,
          weather,
        ])
        expectWellFormed(parts)
      }),
    )
  })

  it('the stream is the same for the same prompt', async () => {
    const texts = ['Think: what is 2 + 2?', 'Ask the researcher', 'Hello', 'Show me some Markdown']
    for (const text of texts) {
      const options = optionsFor(user(text), [calculator, researcher])
      const direct = await play(fast, options)
      expect(await play(fast, options)).toEqual(direct)
      const { stream } = await fast.doStream(options)
      const parts: LanguageModelV4StreamPart[] = []
      for await (const part of stream) parts.push(part)
      expect(parts).toEqual(direct)
    }
  })

  it('the whole result equals the stream', async () => {
    const options = optionsFor(user('Think: what is 2 + 2, and 3 + 3?'), [calculator])
    const parts = await play(fast, options)
    const result = await fast.doGenerate(options)
    expect(result.content).toEqual([
      { type: 'reasoning', text: joined(parts, 'reasoning-delta') },
      ...parts.filter((part) => part.type === 'tool-call'),
    ])
    const { usage, finishReason } = finishOf(parts)
    expect(result).toMatchObject({ usage, finishReason })
  })

  it('no id occurs twice in a conversation', async () => {
    let prompt: LanguageModelV4Prompt = []
    const ids: string[] = []
    for (const text of ['6 * 7', '6 * 7', 'think: 6 * 7 and 8 * 9', 'Hello', 'Hello']) {
      prompt = [...prompt, ...user(text)]
      const parts = await ask(prompt, [calculator])
      ids.push(...idsOpenedIn(parts))
      prompt = [...prompt, ...assistant('Done')]
    }
    expect(ids.length).toBeGreaterThan(6)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('the usage is estimated from prompt and answer', async () => {
    const { usage } = finishOf(await ask(user('Hello'), []))
    const longer = finishOf(await ask(user(`Hello${' '.repeat(4_000)}`), [])).usage
    expect(usage.inputTokens.total).toBeGreaterThan(0)
    expect(usage.outputTokens.total).toBeGreaterThan(10)
    expect((longer.inputTokens.total ?? 0) - (usage.inputTokens.total ?? 0)).toBe(1_000)
  })

  it('the stream pauses between words and ends when aborted', async () => {
    for (const door of doors) {
      const controller = new AbortController()
      const parts: LanguageModelV4StreamPart[] = []
      const startedAt = performance.now()
      const playing = door(demoModel('demo/assistant'), controller.signal, (part) => {
        parts.push(part)
        if (parts.filter(({ type }) => type === 'text-delta').length !== 5) return
        const reason = new DOMException('enough', 'AbortError')
        process.nextTick(() => controller.abort(reason))
      })
      await expect(playing).rejects.toMatchObject({ name: 'AbortError', message: 'enough' })
      const words = parts.filter(({ type }) => type === 'text-delta')
      expect(words).toHaveLength(5)
      // The time of at least five pauses of 25 ms, and far less than that of the whole answer.
      expect(performance.now() - startedAt).toBeGreaterThan(100)
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    }
  })

  it('an earlier abort starts no stream', async () => {
    const options = {
      ...optionsFor(user('Hello'), []),
      abortSignal: AbortSignal.abort(new Error('no')),
    }
    await expect(fast[streamParts](options, () => {})).rejects.toThrow('no')
    await expect(fast.doStream(options)).rejects.toThrow('no')
    await expect(fast.doGenerate(options)).rejects.toThrow('no')
  })

  it('the model waits for its receiver and fails with it', async () => {
    let open = 0
    let received = 0
    const options = optionsFor(user('Hello'), [])
    await fast[streamParts](options, async () => {
      open += 1
      expect(open).toBe(1)
      await Promise.resolve()
      open -= 1
      received += 1
    })
    expect(received).toBeGreaterThan(10)
    const refusing = fast[streamParts](options, () => Promise.reject(new Error('full')))
    await expect(refusing).rejects.toThrow('full')
  })

  it('no timer stays when the reader leaves', async () => {
    const { stream } = await demoModel('demo/assistant').doStream(optionsFor(user('Hello'), []))
    const reader = stream.getReader()
    while ((await reader.read()).value?.type !== 'text-delta') continue
    // At this time the model is in the pause before the next word.
    await setImmediate()
    const before = runningTimers()
    await reader.cancel()
    expect(runningTimers()).toBe(before - 1)
  })

  it("drives the AI SDK's own tool loop", async () => {
    const result = streamText({
      model: fast,
      prompt: 'What is 6 * 7, and 8 * 9?',
      stopWhen: stepCountIs(3),
      tools: {
        calculator: tool({
          inputSchema: z.object({ expr: z.string() }),
          execute: ({ expr }) => ({ result: expr === '6 * 7' ? 42 : 72 }),
        }),
      },
    })
    expect(await result.text).toBe('Here is what I found:\n\n- 6 × 7 = **42**\n- 8 × 9 = **72**')
    expect(await result.finishReason).toBe('stop')
    expect((await result.steps).map(({ toolCalls }) => toolCalls.length)).toEqual([2, 0])
  })
})

const runningTimers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

function functionTool(
  name: string,
  inputSchema: LanguageModelV4FunctionTool['inputSchema'],
): LanguageModelV4FunctionTool {
  return { type: 'function', name, inputSchema }
}

const calculator = functionTool('calculator', {
  type: 'object',
  properties: { expr: { type: 'string' } },
  required: ['expr'],
})
const clock = functionTool('clock', {
  type: 'object',
  properties: { timeZone: { type: 'string' } },
})
const researcher = functionTool('researcher', {
  type: 'object',
  properties: { prompt: { type: 'string' } },
  required: ['prompt'],
})
const human = functionTool('human', {
  type: 'object',
  properties: {
    question: { type: 'string' },
    options: { type: 'array', items: { type: 'string' } },
  },
  required: ['question'],
})
const weather = functionTool('get_weather', {
  type: 'object',
  properties: {
    city: { type: 'string' },
    unit: { enum: ['celsius', 'fahrenheit'] },
    days: { type: 'integer', minimum: 1 },
  },
  required: ['city', 'unit'],
})

const user = (text: string): LanguageModelV4Message[] => [
  { role: 'user', content: [{ type: 'text', text }] },
]

const assistant = (text: string): LanguageModelV4Message[] => [
  { role: 'assistant', content: [{ type: 'text', text }] },
]

const json = (value: JSONValue): LanguageModelV4ToolResultPart['output'] => ({
  type: 'json',
  value,
})

/** A whole turn: question, call, result, answer. */
function turn(
  text: string,
  toolName: string,
  output: LanguageModelV4ToolResultPart['output'],
  input: JSONValue = {},
): LanguageModelV4Prompt {
  const call = { toolCallId: 'call-1', toolName }
  return [
    ...user(text),
    { role: 'assistant', content: [{ type: 'tool-call', ...call, input }] },
    { role: 'tool', content: [{ type: 'tool-result', ...call, output }] },
    ...assistant('Done'),
  ]
}

const optionsFor = (
  prompt: LanguageModelV4Prompt,
  tools: LanguageModelV4FunctionTool[],
): LanguageModelV4CallOptions => ({ prompt, ...(tools.length > 0 && { tools }) })

async function play(
  model: DirectModel,
  options: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = []
  await model[streamParts](options, (received) => void parts.push(...received))
  return parts
}

const ask = (
  prompt: LanguageModelV4Prompt,
  tools: LanguageModelV4FunctionTool[],
  more: Partial<LanguageModelV4CallOptions> = {},
  model = fast,
) => play(model, { ...optionsFor(prompt, tools), ...more })

function joined(
  parts: readonly LanguageModelV4StreamPart[],
  type: 'text-delta' | 'reasoning-delta' | 'tool-input-delta',
): string {
  return parts.map((part) => (part.type === type ? part.delta : '')).join('')
}

const textIn = (parts: readonly LanguageModelV4StreamPart[]) => joined(parts, 'text-delta')

const callsIn = (parts: readonly LanguageModelV4StreamPart[]): [string, unknown][] =>
  parts.flatMap((part): [string, unknown][] =>
    part.type === 'tool-call' ? [[part.toolName, JSON.parse(part.input)]] : [],
  )

function finishOf(parts: readonly LanguageModelV4StreamPart[]) {
  const last = parts.at(-1)
  if (last?.type !== 'finish') throw new Error(`the stream ends with ${last?.type}`)
  return last
}

const idsOpenedIn = (parts: readonly LanguageModelV4StreamPart[]): string[] =>
  parts.flatMap((part) =>
    part.type === 'text-start' ||
    part.type === 'reasoning-start' ||
    part.type === 'tool-input-start'
      ? [part.id]
      : [],
  )

/** Checks the order of the provider specification, independently of the model's code. */
function expectWellFormed(parts: readonly LanguageModelV4StreamPart[]): void {
  expect(parts[0]?.type).toBe('stream-start')
  const open = new Map<string, string>()
  const inputs = new Map<string, string>()
  for (const part of parts) {
    if (part.type.endsWith('-start') && 'id' in part) {
      expect(open.size, 'one part at a time').toBe(0)
      open.set(part.id, '')
    } else if (part.type === 'tool-input-delta' || part.type.endsWith('-delta')) {
      if (!('delta' in part)) throw new Error(`${part.type} without a delta`)
      expect(open.has(part.id)).toBe(true)
      open.set(part.id, open.get(part.id) + part.delta)
    } else if (part.type.endsWith('-end') && 'id' in part) {
      const { id } = part
      inputs.set(id, open.get(id) ?? '')
      expect(open.delete(id)).toBe(true)
    } else if (part.type === 'tool-call') {
      expect(part.input).toBe(inputs.get(part.toolCallId))
    }
  }
  expect(open.size).toBe(0)
  const { usage, finishReason } = finishOf(parts)
  expect(finishReason.unified).toBe(callsIn(parts).length > 0 ? 'tool-calls' : 'stop')
  expect(usage.inputTokens.total).toBeGreaterThan(0)
  expect(usage.outputTokens.total).toBeGreaterThan(0)
}

type Door = (
  model: DirectModel,
  abortSignal: AbortSignal,
  see: (part: LanguageModelV4StreamPart) => void,
) => Promise<void>

const greeting = (abortSignal: AbortSignal) => ({ ...optionsFor(user('Hello'), []), abortSignal })

const doors: readonly Door[] = [
  (model, abortSignal, see) =>
    model[streamParts](greeting(abortSignal), (parts) => parts.forEach(see)),
  async (model, abortSignal, see) => {
    const { stream } = await model.doStream(greeting(abortSignal))
    for await (const part of stream) see(part)
  },
]

/** The same model through `doGenerate`, so that its pauses cost no time. */
function unpaced(id: string): DirectModel {
  const model = demoModel(id)
  return {
    ...model,
    async [streamParts](options, receive) {
      const { content, usage, finishReason } = await model.doGenerate(options)
      for (const part of content) {
        if (part.type === 'text') await receive([{ type: 'text-delta', id: 't', delta: part.text }])
      }
      await receive([{ type: 'finish', usage, finishReason }])
    },
  }
}
