import { readUIMessageStream, type UIMessageChunk } from 'ai'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { AgentEvent } from '../src/event.ts'
import { MessageFold, uiMessage } from '../src/message-fold.ts'
import { readMessage } from '../src/wire/conversation.ts'
import { seenMessage } from '../src/wire/frames/seen-message.ts'
import { encodeFrame } from '../src/wire/frames/ui.ts'
import { anyRun } from './any-run.ts'
import { record } from './recorded-run.ts'

describe('the fold of a turn', () => {
  it("the fold equals the AI SDK's message after each event", async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage, async (events) => {
        for (let count = 1; count <= events.length; count++) {
          await expectSame(events.slice(0, count))
        }
      }),
      { numRuns: 150 },
    )
  })

  it("the fold of any run equals the AI SDK's message", async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        await expectSame((await record(agent, 'Go.', options)).events)
      }),
      { numRuns: 150 },
    )
  })

  it('the fold can be posted back', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async ({ agent, options }) => {
        const { events } = await record(agent, 'Go.', options)
        // A message without parts is not stored.
        if (foldOf(events).parts.length === 0) return
        const stored: unknown = JSON.parse(JSON.stringify(uiMessage(foldOf(events))))
        expect(await readMessage(stored, 'it')).toMatchObject({ role: 'assistant' })
      }),
      { numRuns: 150 },
    )
  })

  it('the fold continues a message as it continues events', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (events, at) => {
        const cut = stepsOf(events)[at % stepsOf(events).length] ?? 0
        const whole = foldOf(events)
        const resumed = new MessageFold(structuredClone(foldOf(events.slice(0, cut))))
        for (const event of events.slice(cut)) resumed.add(event)
        expect(resumed.message).toEqual(whole)
      }),
      { numRuns: 100 },
    )
  })
})

describe('a message in the history', () => {
  for (const profile of [undefined, 'v6', 'v7'] as const) {
    it(`a stored message equals the message of a reader of ${profile ?? 'no profile'}`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage, async (events) => {
          // A reader withdraws only the parts that `reset-step` withdraws for all readers.
          if (events.some(({ type }) => type === 'reset-step') && profile !== 'v7') return
          // For a refused call these readers lack the provider's metadata, which no page shows.
          if (events.some(({ type }) => type === 'tool-input-error') && profile !== 'v7') return
          const whole = [...events.filter(isToldToAll), lastEvent]
          const frames = whole.flatMap((event) => encodeFrame(event, profile) ?? [])
          const chunks = frames.map((frame): UIMessageChunk =>
            JSON.parse(frame.slice('data: '.length)),
          )
          const stored = uiMessage(foldOf(whole))
          expect(seenMessage(stored, profile)).toEqual(await referenceOf(chunks))
        }),
        { numRuns: 100 },
      )
    })
  }
})

/** A client has its own decision already. */
const isToldToAll = ({ type }: AgentEvent) => type !== 'error' && type !== 'tool-approval-response'

/** The last event makes the AI SDK's reader emit its message, because not every event does. */
const lastEvent: AgentEvent = { type: 'message-metadata', messageMetadata: { told: true } }

async function expectSame(events: readonly AgentEvent[]): Promise<void> {
  // The fold keeps nothing of an input that is still streaming: a log never ends there.
  if (isStreamingInput(events)) return
  const whole = [...events.filter(({ type }) => type !== 'error'), lastEvent]
  expect(foldOf(whole)).toEqual(await referenceOf(whole))
}

function isStreamingInput(events: readonly AgentEvent[]): boolean {
  const streaming = new Set<string>()
  for (const event of events) {
    if (event.type === 'tool-input-start') streaming.add(event.toolCallId)
    else if (event.type === 'reset-step') streaming.clear()
    else if (event.type.startsWith('tool-') && event.type !== 'tool-input-delta') {
      if ('toolCallId' in event) streaming.delete(event.toolCallId)
    }
  }
  return streaming.size > 0
}

function foldOf(events: readonly AgentEvent[]): MessageFold['message'] {
  const fold = new MessageFold({ id: '', role: 'assistant', parts: [] })
  for (const event of events) fold.add(event)
  return fold.message
}

/** As JSON, because the AI SDK sets fields without a value to undefined. */
async function referenceOf(events: readonly (AgentEvent | UIMessageChunk)[]): Promise<unknown> {
  // Copies, because the reader keeps and changes its input.
  const chunks: UIMessageChunk[] = JSON.parse(JSON.stringify(events))
  let last: unknown
  const stream = ReadableStream.from(chunks)
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) {
    last = message
  }
  return JSON.parse(JSON.stringify(last))
}

const stepsOf = (events: readonly AgentEvent[]): number[] =>
  events.flatMap(({ type }, index) => (type === 'start-step' ? [index] : []))

// Messages with every kind of event

const metadata = fc.constantFrom(
  {},
  {},
  { providerMetadata: { p: { a: 1 } } },
  { providerMetadata: { q: {} } },
)
const text = fc.constantFrom('', 'one ', 'two')
const flags = fc.constantFrom({}, {}, { providerExecuted: true })

/** Events in their order. Those of two blocks may alternate. */
type Block = (id: string) => AgentEvent[]

const spoken: fc.Arbitrary<Block> = fc
  .record({
    kind: fc.constantFrom('text' as const, 'reasoning' as const),
    deltas: fc.array(fc.tuple(text, metadata), { maxLength: 3 }),
    first: metadata,
    last: metadata,
  })
  .map(({ kind, deltas, first, last }) => (id) => [
    { type: `${kind}-start`, id, ...first },
    ...deltas.map(([delta, more]): AgentEvent => ({ type: `${kind}-delta`, id, delta, ...more })),
    { type: `${kind}-end`, id, ...last },
  ])

const outcome = fc.constantFrom(
  ...(['output', 'preliminary', 'failure', 'approved', 'denied', 'asked', 'none'] as const),
)

const called: fc.Arbitrary<Block> = fc
  .record({
    isStreamed: fc.boolean(),
    isRefused: fc.boolean(),
    dynamic: fc.constantFrom({}, { dynamic: true }),
    title: fc.constantFrom({}, { title: 'Work' }),
    flags,
    first: metadata,
    last: metadata,
    outcome,
    output: fc.constantFrom(null, 'done', { n: [1] }),
  })
  .map((given) => (toolCallId) => {
    const { isStreamed, isRefused, dynamic, title, first, last, output } = given
    const call = { toolCallId, toolName: 'work', ...dynamic, ...given.flags }
    const streamed: AgentEvent[] = [
      { type: 'tool-input-start', ...call, ...title, ...first },
      { type: 'tool-input-delta', toolCallId, inputTextDelta: '{"n":' },
      { type: 'tool-input-delta', toolCallId, inputTextDelta: '1}' },
    ]
    const whole: AgentEvent = isRefused
      ? { type: 'tool-input-error', ...call, input: 'raw', errorText: 'No.', ...last }
      : { type: 'tool-input-available', ...call, ...title, input: { n: 1 }, ...first }
    const result = { toolCallId, ...dynamic, ...given.flags, ...last }
    const approvalId = `approval-of-${toolCallId}`
    const ask: AgentEvent = { type: 'tool-approval-request', approvalId, toolCallId }
    const decide = (approved: boolean): AgentEvent => ({
      type: 'tool-approval-response',
      approvalId,
      approved,
      ...(!approved && { reason: 'Too dear.' }),
    })
    const available: AgentEvent = { type: 'tool-output-available', ...result, output }
    const ends: Record<typeof given.outcome, AgentEvent[]> = {
      none: [],
      output: [available],
      preliminary: [
        { type: 'tool-output-available', ...result, output: 1, preliminary: true },
        { type: 'tool-output-available', ...result, output: 2, preliminary: true },
        available,
      ],
      failure: [{ type: 'tool-output-error', ...result, errorText: 'Broke.' }],
      asked: [ask],
      approved: [ask, decide(true), available],
      denied: [ask, decide(false), { type: 'tool-output-denied', toolCallId, ...dynamic }],
    }
    return [...(isStreamed ? streamed : []), whole, ...(isRefused ? [] : ends[given.outcome])]
  })

const shown: fc.Arbitrary<Block> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom<AgentEvent>(
        { type: 'file', url: 'data:,x', mediaType: 'text/plain' },
        { type: 'reasoning-file', url: 'data:,x', mediaType: 'text/plain' },
        { type: 'source-url', sourceId: 's', url: 'https://example.com', title: 'Example' },
        { type: 'source-document', sourceId: 'd', mediaType: 'text/plain', title: 'D' },
        { type: 'custom', kind: 'p.thing' },
        { type: 'message-metadata', messageMetadata: { deep: { b: [2], c: null } } },
        { type: 'message-metadata', messageMetadata: { deep: { a: 1, b: [1] } } },
      ),
      metadata,
    )
    .map(([event, more]) => () => [
      event.type === 'message-metadata' ? event : { ...event, ...more },
    ]),
  fc
    .record({
      type: fc.constantFrom('data-a' as const, 'data-b' as const),
      data: fc.constantFrom(1, { n: 2 }, null),
      more: fc.constantFrom({}, { id: 'x' }, { id: 'y' }, { transient: true }),
    })
    .map(({ more, ...event }) => () => [{ ...event, ...more }]),
)

const step: fc.Arbitrary<{ blocks: Block[]; picks: number[]; isReset: boolean }> = fc.record({
  blocks: fc.array(fc.oneof(spoken, called, shown), { maxLength: 4 }),
  picks: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
  isReset: fc.constantFrom(false, false, true),
})

const anyMessage: fc.Arbitrary<AgentEvent[]> = fc
  .tuple(fc.array(step, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([steps, isAborted]) => [
    { type: 'start', messageId: 'm', messageMetadata: { deep: { a: 0 } } },
    ...steps.flatMap(({ blocks, picks, isReset }, index): AgentEvent[] => {
      const say = (attempt: string) =>
        mixed(
          blocks.map((block, at) => block(`${index}${attempt}-${at}`)),
          picks,
        )
      return [
        { type: 'start-step' },
        ...(isReset ? [...say('a').slice(0, picks.length), { type: 'reset-step' as const }] : []),
        ...say('b'),
        { type: 'finish-step' },
      ]
    }),
    ...(isAborted ? [{ type: 'abort' as const, reason: 'stop' }] : []),
    { type: 'finish', finishReason: 'stop', messageMetadata: { deep: { z: 1 }, steps: 3 } },
  ])

/** Takes the events of the blocks in their order, from either block. */
function mixed(blocks: AgentEvent[][], picks: readonly number[]): AgentEvent[] {
  const events: AgentEvent[] = []
  const left = blocks.map((block) => [...block])
  for (let turn = 0; ; turn++) {
    const open = left.filter((block) => block.length > 0)
    const block = open[(picks[turn % picks.length] ?? 0) % open.length]
    const event = block?.shift()
    if (event === undefined) return events
    events.push(event)
  }
}
