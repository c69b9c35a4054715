/** The rule of `loomChat` for automatic sending against the helpers of each version of `ai`. */
import type * as ai7 from 'ai'
import * as ai5 from 'ai5'
import type * as ai6 from 'ai6'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import { loomChat } from '../../src/client.ts'
import { sends6, sends7 } from './chat-client.ts'

const { sendAutomaticallyWhen } = loomChat({ api: '/api/chat', id: 'c', profile: 'v7' })

// Calls with an answer are the rule, so that many conversations are sent.
const toolStates = [
  'output-available',
  'output-available',
  'approval-responded',
  'input-streaming',
  'input-available',
  'approval-requested',
  'approval-responded',
  'output-available',
  'output-error',
  'output-denied',
]

const call = fc.record(
  {
    type: fc.constantFrom('tool-ask', 'dynamic-tool'),
    toolCallId: fc.uuid(),
    state: fc.constantFrom(...toolStates),
    preliminary: fc.boolean(),
    providerExecuted: fc.boolean(),
  },
  { requiredKeys: ['type', 'toolCallId', 'state'] },
)
const text = fc.record({
  type: fc.constant('text'),
  text: fc.string(),
  state: fc.constantFrom('streaming', 'done'),
})
const part = fc.oneof(
  { weight: 3, arbitrary: call },
  text,
  fc.constant({ type: 'step-start' }),
  fc.constant({ type: 'data-weather', data: 1 }),
)
const message = fc.record({
  id: fc.uuid(),
  role: fc.constantFrom('assistant', 'assistant', 'user'),
  parts: fc.array(part, { maxLength: 5 }),
})
const messages = fc.array(message, { maxLength: 2 })

it('decides as ai 6 and 7 do', () => {
  let sent = 0
  const check = fc.property(messages, (messages) => {
    const sends = sendAutomaticallyWhen({ messages })
    sent += Number(sends)
    // The same value in the types of the packages.
    const text = JSON.stringify({ messages })
    const six: { messages: ai6.UIMessage[] } = JSON.parse(text)
    const seven: { messages: ai7.UIMessage[] } = JSON.parse(text)
    expect([sends6(six), sends7(seven)]).toEqual([sends, sends])
  })
  fc.assert(check, { numRuns: 2000 })
  expect(sent).toBeGreaterThan(40)
})

it('decides as ai 5 does, which knows no approvals and no preliminary outputs', () => {
  const own = (value: string) => !/approval|denied|preliminary/.test(value)
  const check = fc.property(messages, (messages) => {
    fc.pre(own(JSON.stringify(messages)))
    const state: { messages: ai5.UIMessage[] } = JSON.parse(JSON.stringify({ messages }))
    expect(ai5.lastAssistantMessageIsCompleteWithToolCalls(state)).toBe(
      sendAutomaticallyWhen({ messages }),
    )
  })
  fc.assert(check, { numRuns: 500 })
})
