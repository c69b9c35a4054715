/** A replay passes for the agent of its recording, and fails for an agent that does something else. */
import type { UIMessage } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type RecordedTurn, recordTest, replaySession } from '../../src/entries/testing.ts'
import { type AgentDefinition, defineAgent, defineTool, human } from '../../src/index.ts'

const never = () => {
  throw new Error('A tool ran in a replay.')
}

const weather = defineTool({
  name: 'weather',
  description: 'Returns the weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: never,
})

const pay = defineTool({
  name: 'pay',
  description: 'Pays an amount.',
  inputSchema: z.object({ cents: z.number() }),
  needsApproval: true,
  execute: never,
})

const clerkWith = (more: Partial<AgentDefinition> = {}) =>
  defineAgent({ name: 'clerk', systemPrompt: 'Help.', tools: [weather, pay, human()], ...more })

const lookUp: RecordedTurn = {
  user: 'How is Oslo?',
  steps: [
    { toolCalls: [{ toolName: 'weather', input: { city: 'Oslo' }, output: { sky: 'rain' } }] },
    'It rains in Oslo.',
  ],
}
const payment: RecordedTurn = {
  user: 'Pay.',
  steps: [
    { toolCalls: [{ toolName: 'pay', input: { cents: 9 }, approved: true, output: 'paid' }] },
    'Paid.',
  ],
}
const question: RecordedTurn = {
  user: 'Ask me.',
  steps: [
    { toolCalls: [{ toolName: 'human', input: { question: 'Where?' }, answer: 'Oslo' }] },
    'Then Oslo.',
  ],
}
const refused: RecordedTurn = {
  user: 'How is 5?',
  steps: [{ toolCalls: [{ toolName: 'weather', input: { city: 5 }, refused: true }] }, 'Hm.'],
}
const typed: RecordedTurn = { user: 'Count.', steps: ['{"count": 12}'], output: { count: 12 } }
const output = z.object({ count: z.number() })

describe('a replay', () => {
  it('passes for the agent of the recording', async () => {
    const messages = await replaySession(clerkWith(), [lookUp, payment, question, refused])
    expect(messages).toHaveLength(8)
    await replaySession(clerkWith({ output }), [typed])
  })

  it('runs no hook and calls no model that the agent names', async () => {
    const agent = clerkWith({
      model: ['openai/gpt-5', 'nobody/nothing'],
      beforeTool: never,
      afterTool: never,
      prepareStep: () => ({ model: 'anthropic/claude-opus-4-1' }),
      retry: { retries: 0 },
      compaction: { threshold: 1 },
    })
    await replaySession(agent, [
      lookUp,
      { user: 'Break.', steps: [{ text: 'It r', breaksOff: true }, 'ains.'] },
    ])
  })

  it('passes the context and the principal to the agent', async () => {
    const seen: unknown[] = []
    const agent = defineAgent<{ user: string }>({
      name: 'clerk',
      systemPrompt: (context) => {
        seen.push(context)
        return 'Help.'
      },
    })
    const turn = { user: 'Hi', steps: ['Hello.'] }
    await replaySession(agent, [turn], { context: { user: 'Ada' }, principal: 'ada' })
    expect(seen).toContainEqual({ user: 'Ada' })
  })

  it('contains calls that the provider ran', async () => {
    const call = { toolName: 'search', input: { query: 'Oslo' }, providerExecuted: true } as const
    const found = { ...call, output: { hits: 3 } }
    await replaySession(clerkWith(), [{ user: 'Search.', steps: [{ toolCalls: [found] }] }])
  })

  const loose = { ...weather, inputSchema: z.object({ city: z.any() }) }
  const strict = { ...weather, inputSchema: z.object({ city: z.string(), day: z.string() }) }
  it.each<[string, Partial<AgentDefinition>, RecordedTurn, RegExp]>([
    ['a tool is removed', { tools: [pay] }, lookUp, /refused: true/],
    ['a tool has another name', { tools: [{ ...weather, name: 'sky' }] }, lookUp, /refused: true/],
    ['an input no longer fits', { tools: [strict] }, lookUp, /refused: true/],
    ['an input fits now', { tools: [loose] }, refused, /no outcome of a tool/],
    [
      'an approval is needed now',
      { tools: [{ ...weather, needsApproval: true }] },
      lookUp,
      /waiting/,
    ],
    [
      'no approval is needed now',
      { tools: [{ ...pay, needsApproval: false }] },
      payment,
      /approved/,
    ],
    ['a tool runs at the client now', { tools: [omit(weather)] }, lookUp, /waiting/],
    ['a question is answered here now', { tools: [human({ ask: never })] }, question, /answer/],
    [
      'the output has another schema',
      { output: z.object({ total: z.number() }) },
      typed,
      /too short/,
    ],
    ['the agent has no output any more', {}, typed, /output/],
    ['the agent stops earlier', { maxSteps: 1 }, lookUp, /max-steps/],
    ['the agent stops after a step', { onStep: () => 'stop' }, lookUp, /stopped/],
    [
      'the agent fails',
      { prepareStep: never },
      lookUp,
      /A tool ran in a replay|Something went wrong/,
    ],
  ])('fails if %s', async (_change, more, turn, difference) => {
    const replay = replaySession(clerkWith(more), [turn])
    await expect(replay).rejects.toThrow(/^Turn 1 \("[^"]+"\) is not as recorded: /)
    await expect(replay).rejects.toThrow(difference)
  })

  it('fails if a stopped answer cannot be stopped at the same place', async () => {
    const call = { toolName: 'weather', input: { city: 'Oslo' }, stopped: true } as const
    const turn: RecordedTurn = { user: 'Go.', steps: [{ toolCalls: [call] }], outcome: 'aborted' }
    await replaySession(clerkWith(), [turn])
    const replay = replaySession(clerkWith({ tools: [] }), [turn])
    await expect(replay).rejects.toThrow(/is not as recorded/)
  })

  it('ends if the agent now waits where its answer was stopped', async () => {
    const call = { toolName: 'weather', input: { city: 'Oslo' } } as const
    const calls = [
      { toolName: 'human', input: { question: 'Where?' }, output: 'Oslo' },
      { ...call, stopped: true } as const,
    ]
    const turn: RecordedTurn = { user: 'Go.', steps: [{ toolCalls: calls }], outcome: 'aborted' }
    await replaySession(clerkWith({ tools: [weather, human({ ask: never })] }), [turn])
    await expect(replaySession(clerkWith(), [turn])).rejects.toThrow(/is not as recorded/)
  })
})

/** A tool without its function: the client runs it. */
function omit(tool: typeof weather) {
  const client = { ...tool }
  Reflect.deleteProperty(client, 'execute')
  return client
}

/** Text with everything that code must escape. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '`',
        '${',
        '$',
        '\\',
        '\\u',
        "'",
        '"',
        '\n',
        '\r',
        '\u2028',
        '\u2029',
        '*/',
        '//',
      ),
      fc.constantFrom(
        '</script>',
        '\ud800',
        '\udfff',
        '🧵',
        '\u202e',
        '\ufeff',
        '\0',
        '\t',
        '\u00a0',
        '}',
      ),
      fc.string({ maxLength: 8 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''))

/** JSON with texts, and with names that an object literal treats in its own way. */
const anyJson = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    anyText,
    fc.constantFrom(null, true, false, 0, -0, 1.5e300, -7),
    fc.array(tie('json'), { maxLength: 3 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'a-b', '0')),
          tie('json'),
        ),
        { maxLength: 3 },
      )
      .map((entries) => Object.fromEntries(entries)),
  ),
})).json

/** The turns and the options that the code of a recorded test passes to `replaySession`, and its test's name. */
async function runCode(code: string): Promise<{ name: string; given: unknown[] }> {
  const body = code.replace(/^import .*$/gm, '').replace(/^const \{ test \} = .*$/m, '')
  let name = ''
  let given: unknown[] = []
  let running: Promise<void> = Promise.resolve()
  const test = (testName: string, run: () => Promise<void>) => {
    name = testName
    running = run()
  }
  const replay = (...values: unknown[]) => void (given = values)
  // The code has no other free names.
  const compiled: unknown = Reflect.construct(Function, ['test', 'replaySession', 'clerk', body])
  if (typeof compiled === 'function') Reflect.apply(compiled, undefined, [test, replay, 'clerk'])
  await running
  return { name, given }
}

describe('the code of a recorded test', () => {
  it('has the same values, and hides no character', async () => {
    const property = fc.asyncProperty(
      anyText,
      anyText,
      anyJson,
      anyJson,
      async (user, text, input, value) => {
        const messages: UIMessage[] = [
          { id: 'm1', role: 'user', parts: [{ type: 'text', text: user }] },
          {
            id: 'm2',
            role: 'assistant',
            parts: [
              { type: 'step-start' },
              {
                type: 'dynamic-tool',
                toolName: 'any',
                toolCallId: 'c',
                state: 'output-available',
                input,
                output: value,
              },
              { type: 'step-start' },
              { type: 'text', text },
            ],
          },
        ]
        const code = await recordTest(messages, {
          agent: clerkWith(),
          from: './agent.ts',
          name: text,
          context: { value },
        })
        expect(code).toBe(Buffer.from(code).toString())
        expect(code).not.toMatch(/[^\n\P{Cc}]|[\u2028\u2029\u202e\ufeff]/u)
        const { name, given } = await runCode(code)
        const call = { toolName: 'any', input: input ?? '', output: value }
        const turn = { user, steps: [{ toolCalls: [call] }, text] }
        expect(name).toBe(text)
        expect(given).toEqual(['clerk', [turn], { context: { value } }])
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })

  it('leaves out a message whose turn failed before its answer', async () => {
    const said = (role: 'user' | 'assistant', text: string): UIMessage => ({
      id: text,
      role,
      parts: [{ type: 'text', text }],
    })
    const messages = [
      said('user', 'One'),
      said('user', 'Two'),
      said('assistant', '2'),
      said('user', 'Three'),
      said('assistant', '3'),
    ]
    const code = await recordTest(messages, {
      agent: clerkWith(),
      from: './agent.ts',
    })
    const { given } = await runCode(code)
    expect(given[1]).toEqual([
      { user: 'Two', steps: ['2'] },
      { user: 'Three', steps: ['3'] },
    ])
  })

  it('has a short title on one line', async () => {
    const text = `First line\nsecond line ${'and so on '.repeat(20)}`
    const code = await recordTest(
      [
        { id: 'm1', role: 'user', parts: [{ type: 'text', text }] },
        {
          id: 'm2',
          role: 'assistant',
          parts: [{ type: 'step-start' }, { type: 'text', text: 'Yes.' }],
        },
      ],
      { agent: clerkWith(), from: './agent.ts' },
    )
    const { name } = await runCode(code)
    expect(name).toMatch(/^First line second line and so on .*…$/)
    expect(name.length).toBe(60)
  })
})
