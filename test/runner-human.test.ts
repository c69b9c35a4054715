import { dynamicTool, jsonSchema, type ModelMessage, tool, type ToolSet } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { userMessage } from '../src/message.ts'
import { run } from '../src/runner.ts'
import { noSpending } from '../src/spending.ts'
import type { NamedTool } from '../src/tool.ts'
import { calculator } from '../tools/calculator.ts'
import { agentOf, models, ofType, record, typesOf, watchRejections } from './recorded-run.ts'
import { calls, type Script, says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

const asking: ToolSet = {
  ask: tool({ description: 'Asks.', inputSchema: z.object({ question: z.string() }) }),
}

/** The messages that a client sends back with the output of its own tool. */
const answerOf = (toolCallId: string, value: string): ModelMessage => ({
  role: 'tool',
  content: [{ type: 'tool-result', toolCallId, toolName: 'ask', output: { type: 'text', value } }],
})

const decisionOf = (approvalId: string, approved = true, reason?: string): ModelMessage => ({
  role: 'tool',
  content: [
    {
      type: 'tool-approval-response',
      approvalId,
      approved,
      ...(reason !== undefined && { reason }),
    },
  ],
})

/** A tool that needs approval, and the inputs that it ran with. */
function careful(more: Partial<NamedTool> = {}) {
  const inputs: unknown[] = []
  const tool: NamedTool = {
    name: 'pay',
    description: 'Pays.',
    inputSchema: z.object({ amount: z.number(), to: z.string().default('Ada') }),
    needsApproval: true,
    execute: (input) => {
      inputs.push(input)
      return 'paid'
    },
    ...more,
  }
  return { tool, inputs }
}

const pay = calls(['pay', { amount: 5 }])

/** Runs until the agent asks for approval. Returns everything that is needed to continue. */
async function untilAsked(tools: NamedTool[], ...scripts: Script[]) {
  const model = scriptedModel(...scripts)
  const agent = agentOf({ tools, model })
  const { result, events } = await record(agent, 'Pay.')
  const approvals = ofType(events, 'tool-approval-request').map(({ approvalId }) => approvalId)
  return { agent, model, result, events, approvals, approvalId: approvals[0] ?? '' }
}

describe('a tool of the client', () => {
  it('a client-side tool makes the run wait beside server tools', async () => {
    const model = scriptedModel(
      calls(['ask', { question: 'Which?' }], ['calculator', { expr: '6*7' }]),
      says('Thanks.'),
    )
    const agent = agentOf({ tools: [asking, calculator], model })
    const first = await record(agent, 'Hi')
    expect(first.result).toMatchObject({ outcome: 'waiting', finishReason: 'tool-calls', steps: 1 })
    expect(ofType(first.events, 'tool-output-available')).toMatchObject([{ toolCallId: 'call-1' }])
    // No empty step here: the client has something to send.
    expect(typesOf(first.events).slice(-2)).toEqual(['finish-step', 'finish'])

    const second = await record(agent, [...first.result.messages, answerOf('call-0', 'That.')])
    expect(second.result).toMatchObject({ outcome: 'finished', text: 'Thanks.' })
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      role: 'tool',
      content: [{ toolCallId: 'call-1' }, { toolCallId: 'call-0', output: { value: 'That.' } }],
    })
  })

  it("an approval of a client-side tool is the client's", async () => {
    const client = { ...careful().tool }
    delete client.execute
    const { result, approvals } = await untilAsked([client], pay)
    expect(result.outcome).toBe('waiting')
    expect(approvals).toEqual([])
  })
})

describe('a tool that needs approval', () => {
  it('a tool runs after its approval', async () => {
    const { tool, inputs } = careful()
    const { agent, model, result, approvalId } = await untilAsked([tool], pay, says('Paid.'))
    expect(result).toMatchObject({ outcome: 'waiting', finishReason: 'tool-calls' })
    expect(inputs).toEqual([])

    const second = await record(agent, [...result.messages, decisionOf(approvalId)])
    expect(inputs).toEqual([{ amount: 5, to: 'Ada' }])
    expect(typesOf(second.events).slice(0, 3)).toEqual([
      'start',
      'tool-output-available',
      'start-step',
    ])
    expect(second.result).toMatchObject({ outcome: 'finished', text: 'Paid.' })
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      content: [{ toolCallId: 'call-0', output: { type: 'text', value: 'paid' } }],
    })
  })

  it('a denied tool does not run, and the model receives the reason', async () => {
    const { tool, inputs } = careful()
    const { agent, model, result, approvalId } = await untilAsked([tool], pay, says('Well.'))
    const no = decisionOf(approvalId, false, 'Too much.')
    const { events } = await record(agent, [...result.messages, no])
    expect(inputs).toEqual([])
    expect(ofType(events, 'tool-output-denied')).toEqual([
      { type: 'tool-output-denied', toolCallId: 'call-0' },
    ])
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      content: [{ output: { type: 'execution-denied', reason: 'Too much.' } }],
    })
  })

  it('a denied dynamic tool stays dynamic', async () => {
    const remote = dynamicTool({
      inputSchema: jsonSchema({ type: 'object' }),
      needsApproval: true,
      execute: async () => 1,
    })
    const model = scriptedModel(calls(['remote', {}]), says('Well.'))
    const agent = agentOf({ tools: { remote }, model })
    const { result, events } = await record(agent, 'Go.')
    const [request] = ofType(events, 'tool-approval-request')
    const no = decisionOf(request?.approvalId ?? '', false)
    const second = await record(agent, [...result.messages, no])
    expect(ofType(second.events, 'tool-output-denied')).toMatchObject([{ dynamic: true }])
  })

  it('approval is requested after the other tools have run', async () => {
    const { tool } = careful()
    const script = calls(['pay', { amount: 5 }], ['calculator', { expr: '1' }])
    const { events, result } = await untilAsked([tool, calculator], script)
    expect(typesOf(events).slice(4, 6)).toEqual(['tool-output-available', 'tool-approval-request'])
    expect(result.outcome).toBe('waiting')
  })

  it('two decisions on one call run it once', async () => {
    for (const first of [true, false]) {
      const { tool, inputs } = careful()
      const { agent, result, approvalId } = await untilAsked([tool], pay, says('Well.'))
      const both = [decisionOf(approvalId, first), decisionOf(approvalId, !first)]
      await record(agent, [...result.messages, ...both])
      expect(inputs).toHaveLength(first ? 1 : 0)
    }
  })

  it('a call with a result does not run again', async () => {
    const { tool, inputs } = careful()
    const { agent, result, approvalId } = await untilAsked([tool], pay, says('Paid.'), says('Yes.'))
    const { result: paid } = await record(agent, [...result.messages, decisionOf(approvalId)])
    await record(agent, paid.messages.slice(0, -1))
    expect(inputs).toHaveLength(1)
  })

  it('a run waits for a decision on every call', async () => {
    const { tool, inputs } = careful()
    const two = calls(['pay', { amount: 1 }], ['pay', { amount: 2 }])
    const { agent, model, result, approvals } = await untilAsked([tool], two, says('Paid.'))
    const [one = '', other = ''] = approvals
    const half = await record(agent, [...result.messages, decisionOf(other)])
    expect(half.result).toMatchObject({ outcome: 'waiting', finishReason: 'tool-calls', steps: 0 })
    expect(typesOf(half.events)).toEqual(['start', 'tool-output-available', 'finish'])
    expect(model.asked).toHaveLength(1)

    const whole = await record(agent, [...half.result.messages, decisionOf(one)])
    expect(whole.result.outcome).toBe('finished')
    expect(inputs).toMatchObject([{ amount: 2 }, { amount: 1 }])
  })

  it('a new user message cancels open approvals', async () => {
    const { tool, inputs } = careful()
    const { agent, model, result, approvalId } = await untilAsked([tool], pay, says('Fine.'))
    const late = [...result.messages, userMessage('Never mind.'), decisionOf(approvalId)]
    await record(agent, late.slice(0, -1))
    expect(model.asked[1]?.prompt.at(-2)).toMatchObject({
      content: [{ output: { type: 'error-text', value: expect.stringMatching(/not answered/) } }],
    })
    expect(inputs).toEqual([])
  })
})

/** Messages that return from a client or a store with changed texts. */
const replaced = (messages: ModelMessage[], from: string, to: string): ModelMessage[] =>
  JSON.parse(JSON.stringify(messages).replaceAll(from, to))

describe('a decision', () => {
  type Forge = (messages: ModelMessage[], approvalId: string) => ModelMessage[]
  const forgeries: [string, Forge][] = [
    ['on an input that was changed since', (all) => replaced(all, '"amount":5', '"amount":500')],
    ['on a call of another tool', (all) => replaced(all, '"toolName":"pay"', '"toolName":"burn"')],
    ['on a call with another id', (all) => replaced(all, '"call-0"', '"call-9"')],
    ['with an invented id', (all, id) => replaced(all, id, 'aaaa.bbbb')],
    ['with an empty id', (all, id) => replaced(all, id, '')],
    ['with half an id', (all, id) => replaced(all, id, id.slice(0, 20))],
  ]

  it.each(forgeries)('a forged decision %s runs nothing', async (_what, forge) => {
    const { tool, inputs } = careful()
    const burn = { ...careful().tool, name: 'burn', execute: () => inputs.push('burnt') }
    const { agent, result, approvalId } = await untilAsked([tool, burn], pay, says('Well.'))
    const forged = forge([...result.messages, decisionOf(approvalId)], approvalId)
    const { events, result: second } = await record(agent, forged)
    expect(inputs).toEqual([])
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: 'This approval is not for this call, or another process asked for it.' },
    ])
    expect(second.outcome).toBe('finished')
  })

  it('a decision of another agent does not count', async () => {
    const { tool, inputs } = careful()
    const { result, approvalId } = await untilAsked([tool], pay)
    const other = agentOf({ tools: [tool], model: scriptedModel(says('Well.')) })
    await record(other, [...result.messages, decisionOf(approvalId)])
    expect(inputs).toEqual([])
  })

  it('a decision on an unknown request does not count', async () => {
    const { tool, inputs } = careful()
    const agent = agentOf({ tools: [tool], model: scriptedModel(says('Well.')) })
    const messages: ModelMessage[] = [
      userMessage('Hi'),
      {
        role: 'assistant',
        content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'pay', input: { amount: 9 } }],
      },
      decisionOf('c'),
    ]
    const { events } = await record(agent, messages)
    expect(inputs).toEqual([])
    expect(typesOf(events)).not.toContain('tool-output-available')
  })

  it('a decision on a missing tool is an error for the model', async () => {
    const { tool } = careful()
    const { result, approvalId, agent } = await untilAsked([tool], pay)
    const model = scriptedModel(says('Well.'))
    const without = { ...agent, tools: [], model }
    const { events } = await record(without, [...result.messages, decisionOf(approvalId)])
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: 'There is no tool "pay".', dynamic: true },
    ])
    expect(JSON.stringify(model.asked[0]?.prompt.at(-1))).toContain('There is no tool')
  })

  it('a decision survives a change of the key order', async () => {
    const { tool, inputs } = careful({ inputSchema: z.looseObject({}) })
    const script = calls(['pay', { b: [{ d: 1, c: 2 }], a: 1 }])
    const { agent, result, approvalId } = await untilAsked([tool], script, says('Paid.'))
    const stored = replaced(
      result.messages,
      '{"b":[{"d":1,"c":2}],"a":1}',
      '{"a":1,"b":[{"c":2,"d":1}]}',
    )
    await record(agent, [...stored, decisionOf(approvalId)])
    expect(inputs).toHaveLength(1)
  })

  it('a decision on an object does not count for a list', async () => {
    const { tool, inputs } = careful({ inputSchema: jsonSchema({}) })
    const { agent, result, approvalId } = await untilAsked([tool], pay, says('Well.'))
    const forged = replaced(result.messages, '{"amount":5}', '[["amount",5]]')
    await record(agent, [...forged, decisionOf(approvalId)])
    expect(inputs).toEqual([])
  })
})

describe('the rule of a tool', () => {
  it('an approval rule receives the checked input and the context', async () => {
    const facts: unknown[] = []
    const { tool, inputs } = careful({
      needsApproval: async (input, { context, toolCallId }) => {
        facts.push(input, context, toolCallId)
        return false
      },
    })
    const agent = agentOf({ tools: [tool], model: scriptedModel(pay, says('Paid.')) })
    await record(agent, 'Pay.', { context: 'Ada' })
    expect(facts).toEqual([{ amount: 5, to: 'Ada' }, 'Ada', 'call-0'])
    expect(inputs).toHaveLength(1)
  })

  it('an approval rule that fails requires approval', async () => {
    const { tool, inputs } = careful({ needsApproval: () => Promise.reject(new Error('no rule')) })
    const { result } = await untilAsked([tool], pay)
    expect(result.outcome).toBe('waiting')
    expect(inputs).toEqual([])
  })

  it('a call is refused if no human can be asked', async () => {
    const { tool, inputs } = careful()
    const script = calls(['pay', { amount: 5 }], ['calculator', { expr: '1' }])
    const model = scriptedModel(script, says('Well.'))
    const agent = agentOf({ tools: [tool, calculator], model })
    const { events, result } = await record(agent, 'Pay.', { approvals: false })
    const output = { type: 'error-text', value: expect.stringMatching(/nobody can be asked/) }
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      content: [{ toolCallId: 'call-0', output }, { toolCallId: 'call-1' }],
    })
    expect(ofType(events, 'tool-output-error')).toHaveLength(1)
    expect(result.outcome).toBe('finished')
    expect(inputs).toEqual([])
  })
})

describe('a run without a client', () => {
  it('a run without a client does not wait', async () => {
    const model = scriptedModel(calls(['ask', { question: 'Why?' }]), says('I go on.'))
    const agent = agentOf({ tools: asking, model })
    const { result, events } = await record(agent, 'Ask.', { clientTools: false })
    expect(result).toMatchObject({ outcome: 'finished', text: 'I go on.' })
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { errorText: expect.stringMatching(/^Nobody is there/) },
    ])
  })

  it('an unapproved call is refused again after its process died', async () => {
    const { tool, inputs } = careful({ retry: 'safe' })
    const model = scriptedModel(says('Well.'))
    const call = { toolCallId: 'call-0', toolName: 'pay', input: { amount: 5 } }
    const messages: ModelMessage[] = [
      userMessage('Pay.'),
      { role: 'assistant', content: [{ type: 'tool-call', ...call }] },
    ]
    const emitted: string[] = []
    await run(agentOf({ tools: [tool], model }), messages, {
      models,
      approvals: false,
      sink: ({ type }) => void emitted.push(type),
      session: {
        id: 'session',
        publicId: 'session',
        resume: {
          started: true,
          stepOpen: true,
          openCalls: [
            { ...call, hasApprovalRequest: false, approved: false, dynamic: false, steps: [] },
          ],
        },
        beforeStart: async () => undefined,
        moreMessages: async () => [],
        mayReset: async () => false,
        spent: async () => noSpending,
      },
    })
    expect(inputs).toEqual([])
    expect(emitted).toContain('tool-output-error')
    expect(JSON.stringify(model.asked[0]?.prompt.at(-1))).toMatch(/nobody can be asked/)
  })
})
