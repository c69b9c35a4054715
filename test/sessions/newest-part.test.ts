import { expect, it } from 'vitest'

import type { AgentEvent } from '../../src/event.ts'
import type { Answer } from '../../src/session/letter-request.ts'
import { newestPart } from '../../src/session/newest-part.ts'

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

it('the newest part of a message begins with what was answered last', () => {
  const entries = [...before, entry('200-0'), entry('200-1', ...said)]
  expect(newestPart('log', entries, answers)).toEqual({ logId: 'log', after: '200-0', skip: 0 })
})

it('the newest part of a message is yet to come where its answers are not told of', () => {
  for (const claims of [[entry('200-0')], [entry('200-0'), entry('300-0')]]) {
    const place = { logId: 'log', after: '100-1', skip: 0 }
    expect(newestPart('log', [...before, ...claims], answers)).toEqual(place)
  }
})

it('there is no newest part of a message that was never gone on with', () => {
  expect(newestPart('log', before, [])).toBeUndefined()
})
