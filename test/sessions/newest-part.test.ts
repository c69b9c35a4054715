import { expect, it } from 'vitest'

import type { AgentEvent } from '../../src/event.ts'
import { newestPart } from '../../src/session/newest-part.ts'
import type { Answer } from '../../src/store/letter.ts'

const asked: AgentEvent[] = [
  { type: 'start', messageId: 'log' },
  { type: 'start-step' },
  { type: 'tool-input-available', toolCallId: 'a', toolName: 'ask', input: {} },
  { type: 'tool-input-available', toolCallId: 'b', toolName: 'bash', input: {} },
  { type: 'tool-approval-request', approvalId: 'approval', toolCallId: 'b' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'tool-calls' },
]
const said: AgentEvent[] = [
  { type: 'start', messageId: 'log' },
  { type: 'tool-output-available', toolCallId: 'a', output: 'yes' },
  { type: 'tool-approval-response', approvalId: 'approval', approved: true },
]
const answers: Answer[] = [
  { type: 'output', toolCallId: 'a', output: 'yes' },
  { type: 'approval', approvalId: 'approval', approved: true },
]
const entry = (id: string, ...events: AgentEvent[]) => ({ id, events })
const before = [entry('100-0'), entry('100-1', ...asked)]

it('the newest part begins with the last answers', () => {
  const entries = [...before, entry('200-0'), entry('200-1', ...said)]
  const place = { logId: 'log', after: '200-0', skip: 0 }
  expect(newestPart('log', entries, answers)).toEqual({ as: 'settled', place })
})

it('the newest part is pending until its answers come', () => {
  for (const claims of [[entry('200-0')], [entry('200-0'), entry('300-0')]]) {
    const place = { logId: 'log', after: '100-1', skip: 0 }
    expect(newestPart('log', [...before, ...claims], answers)).toEqual({ as: 'pending', place })
  }
})

it('a message with one part has no newest part', () => {
  expect(newestPart('log', before, [])).toBeUndefined()
})

it('a late answer gets the part after the first answer', () => {
  const another: AgentEvent[] = [
    { type: 'start-step' },
    { type: 'tool-input-available', toolCallId: 'c', toolName: 'ask', input: {} },
    { type: 'finish-step' },
    { type: 'finish', finishReason: 'tool-calls' },
  ]
  const last: AgentEvent[] = [
    { type: 'start', messageId: 'log' },
    { type: 'tool-output-available', toolCallId: 'c', output: 'no' },
  ]
  const entries = [...before, entry('200-1', ...said, ...another), entry('300-1', ...last)]
  const late: Answer[] = [{ type: 'output', toolCallId: 'a', output: 'another one' }]
  const place = (after: string) => ({ logId: 'log', after, skip: 0 })
  expect(newestPart('log', entries, late)).toEqual({ as: 'settled', place: place('200-0') })
  expect(newestPart('log', entries, [])).toEqual({ as: 'newest', place: place('300-0') })
})

it('a call settled by the server is no answer', () => {
  const stopped: AgentEvent[] = [
    { type: 'tool-output-error', toolCallId: 'a', errorText: 'Stopped.' },
    { type: 'finish', finishReason: 'stop' },
  ]
  const entries = [entry('100-0'), entry('100-1', ...asked.slice(0, 3), ...stopped)]
  expect(newestPart('log', entries, answers.slice(0, 1))).toBeUndefined()
})
