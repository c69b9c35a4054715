import type { ModelMessage } from 'ai'
import { beforeEach, describe, expect, it } from 'vitest'

import { calculator } from '../tools/calculator.ts'
import { connectionReset } from './model-failures.ts'
import { agentOf, ofType, record, watchRejections } from './recorded-run.ts'
import { breaks, calls, finish, says, scriptedModel } from './scripted-model.ts'

beforeEach(watchRejections)

describe('a tool that the provider runs', () => {
  const call = {
    type: 'tool-call' as const,
    toolCallId: 'p',
    toolName: 'search',
    input: '{}',
    providerExecuted: true,
  }
  const answer = { type: 'tool-result' as const, toolCallId: 'p', toolName: 'search', result: 1 }

  it('a provider tool may answer later, and only its own calls', async () => {
    const stray = { ...answer, toolCallId: 'q' }
    const model = scriptedModel(
      [call, stray, ...calls(['calculator', { expr: '1' }])],
      [{ ...answer, preliminary: true }, answer, answer, ...says('Found.')],
    )
    const { events, message } = await record(agentOf({ tools: [calculator], model }), 'Go.')
    const outputs = ofType(events, 'tool-output-available').filter(
      ({ providerExecuted }) => providerExecuted,
    )
    expect(outputs).toMatchObject([{ preliminary: true }, { toolCallId: 'p', output: 1 }])
    expect(message.parts).toContainEqual(
      expect.objectContaining({ toolCallId: 'p', state: 'output-available' }),
    )
  })

  it('a provider tool without an answer ends with the run', async () => {
    const model = scriptedModel([call, ...says('No idea.')])
    const { events } = await record(agentOf({ model }), 'Go.')
    expect(ofType(events, 'tool-output-error')).toMatchObject([
      { toolCallId: 'p', providerExecuted: true },
    ])
  })

  it('a provider tool may ask a human and continue by id', async () => {
    const request = { type: 'tool-approval-request' as const, approvalId: 'a', toolCallId: 'p' }
    const model = scriptedModel(
      [call, request, finish('tool-calls')],
      [call, answer, ...says('Ok.')],
    )
    const agent = agentOf({ model })
    const first = await record(agent, 'Go.')
    expect(first.result.outcome).toBe('waiting')
    const second = await record(agent, first.result.messages)
    expect(second.result).toMatchObject({ outcome: 'waiting', steps: 0 })
    const yes: ModelMessage = {
      role: 'tool',
      content: [
        { type: 'tool-approval-response', approvalId: 'a', approved: true, providerExecuted: true },
      ],
    }
    const { message, result } = await record(agent, [...first.result.messages, yes])
    expect(result.outcome).toBe('finished')
    expect(model.asked[1]?.prompt.at(-1)).toMatchObject({
      content: [{ type: 'tool-approval-response', approvalId: 'a' }],
    })
    expect(message.parts).toMatchObject([
      { type: 'step-start' },
      { toolCallId: 'p', state: 'output-available' },
      { type: 'text', text: 'Ok.' },
    ])
  })

  it('a provider tool with a preliminary result needs no approval', async () => {
    const request = { type: 'tool-approval-request' as const, approvalId: 'a', toolCallId: 'p' }
    const model = scriptedModel([
      call,
      { ...answer, preliminary: true },
      request,
      answer,
      ...says('Found.'),
    ])
    const { events, message, result } = await record(agentOf({ model }), 'Go.')
    expect(result.outcome).toBe('finished')
    expect(ofType(events, 'tool-approval-request')).toEqual([])
    expect(message.parts).toContainEqual(
      expect.objectContaining({ toolCallId: 'p', state: 'output-available', output: 1 }),
    )
  })

  it('a provider call is withdrawn with its reply', async () => {
    const model = scriptedModel(breaks([call], connectionReset), [answer, ...says('Ok.')])
    const { events, message } = await record(agentOf({ model }), 'Go.')
    expect(ofType(events, 'tool-output-available')).toEqual([])
    expect(message.parts).toMatchObject([{ type: 'step-start' }, { text: 'Ok.' }])
  })

  it('a cut-off provider call keeps its flags', async () => {
    const start = { ...call, type: 'tool-input-start' as const, id: 's' }
    const broken = { ...call, toolCallId: 'b', input: '{' }
    const model = scriptedModel([start, broken, ...says('Hm.')])
    const { events } = await record(agentOf({ model }), 'Go.')
    expect(ofType(events, 'tool-input-error')).toMatchObject([
      { toolCallId: 'b', providerExecuted: true },
      { toolCallId: 's', providerExecuted: true },
    ])
  })
})
