/**
 * A stopped answer asks no more questions. The stop may arrive at any moment.
 */
import { expect, it } from 'vitest'

import { play } from '../../src/cli/play.ts'
import type { AgentEvent } from '../../src/event.ts'

const call = { toolCallId: 'c', toolName: 'bash' }
const events: AgentEvent[] = [
  { type: 'start', messageId: 'm' },
  { type: 'start-step' },
  { type: 'tool-input-available', ...call, input: { command: 'touch early' } },
  { type: 'tool-approval-request', approvalId: 'a', toolCallId: 'c' },
  { type: 'finish-step' },
  { type: 'finish', finishReason: 'tool-calls' },
]

/** Plays an answer that ends in a question. Ctrl-C arrives with the event of this type. */
async function stoppedAt(type: AgentEvent['type'] | undefined) {
  const stop = new AbortController()
  let questions = 0
  const stream = async function* () {
    yield* events
  }
  const turn = await play(stream(), {
    conversation: { answer: () => Promise.reject(new Error('nothing is to be answered')) },
    human: {
      async answers() {
        questions += 1
        return undefined
      },
    },
    onEvent: (event) => {
      if (event.type === type) stop.abort()
    },
    pause: () => undefined,
    resume: () => undefined,
    whenWritable: () => Promise.resolve(),
    stopping: stop.signal,
    signal: new AbortController().signal,
  })
  return { questions, isInterrupted: turn.isInterrupted }
}

it('asks the question of a running answer', async () => {
  expect(await stoppedAt(undefined)).toEqual({ questions: 1, isInterrupted: true })
})

it.each(['tool-input-available', 'tool-approval-request', 'finish'] as const)(
  'asks no question if the stop arrives with %s',
  async (type) => {
    expect(await stoppedAt(type)).toEqual({ questions: 0, isInterrupted: true })
  },
)
