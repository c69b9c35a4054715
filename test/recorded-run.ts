/**
 * Runs an agent, records its events, and checks the properties of every run: its events are well formed,
 * and the AI SDK's own client builds a complete message from them that agrees with the result.
 */
import { type ModelMessage, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'
import { expect } from 'vitest'

import { type Agent, type AgentDefinition, defineAgent } from '../src/agent.ts'
import type { AgentEvent, EventOf } from '../src/event.ts'
import { LoomError } from '../src/ground/error.ts'
import { createModels } from '../src/model/resolve.ts'
import { type RunOptions } from '../src/run-options.ts'
import { type RunResult } from '../src/run-result.ts'
import { run } from '../src/runner.ts'
import { within } from './deadline.ts'
import { expectWellFormed } from './event-grammar.ts'

/** No environment of the machine, so no keys. */
export const models = createModels({ environment: {} })

/** An agent whose retries do not delay a test. */
export const agentOf = <CONTEXT = unknown>(
  definition: Partial<AgentDefinition<CONTEXT>>,
): Agent<CONTEXT> =>
  defineAgent({
    name: 'tutor',
    systemPrompt: 'You teach.',
    retry: { initialDelayMs: 1, maxDelayMs: 2 },
    ...definition,
  })

export interface Recorded {
  events: AgentEvent[]
  /** The result of the run, or the one in its error. */
  result: RunResult
  error: LoomError | undefined
  /** The final message of a client. */
  message: UIMessage
}

export async function record<CONTEXT = unknown>(
  agent: Agent<CONTEXT>,
  messages: string | readonly ModelMessage[],
  options: RunOptions<CONTEXT> = {},
): Promise<Recorded> {
  const events: AgentEvent[] = []
  const sink = (event: AgentEvent) => {
    events.push(event)
    return options.sink?.(event)
  }
  const running = run(agent, messages, { models, ...options, sink })
  const [result, error] = await within(
    5000,
    'the run',
    running.then((result) => [result, undefined] as const, failureOf),
  )
  const earlierCalls = typeof messages === 'string' ? [] : callIdsOf(messages)
  expectWellFormed(events, { earlierCalls })
  const message = await messageOf(events, earlierCalls)
  expectWhole(message, result)
  const before = typeof messages === 'string' ? 1 : messages.length
  if (agent.onStep === undefined) expect(textOf(message)).toBe(textIn(result, before))
  return { events, result, error, message }
}

function failureOf(reason: unknown): readonly [RunResult, LoomError] {
  if (!(reason instanceof LoomError) || reason.result === undefined) throw reason
  return [reason.result, reason]
}

/** The message that ai 7 builds from the events, if no error event discards it. */
async function messageOf(
  events: readonly AgentEvent[],
  earlierCalls: readonly string[],
): Promise<UIMessage> {
  const faults: unknown[] = []
  const [first] = ofType(events, 'start')
  const id = first?.messageId ?? ''
  const message: UIMessage = { id, role: 'assistant', parts: earlierCalls.map(earlierPart) }
  const stream = ReadableStream.from<UIMessageChunk>(events.map(chunkOf))
  const onError = (error: unknown) => faults.push(error)
  let last = message
  for await (const state of readUIMessageStream({ message, stream, onError })) last = state
  const errors = ofType(events, 'error').map(({ errorText }) => new Error(errorText))
  expect(faults).toEqual(errors)
  return { ...last, parts: last.parts.slice(earlierCalls.length) }
}

/** Loom's events are the AI SDK's chunks, except `dynamic` on denials, which the codec leaves out. */
function chunkOf(event: AgentEvent): UIMessageChunk {
  if (event.type === 'tool-output-denied') return { type: event.type, toolCallId: event.toolCallId }
  // Its kind is "provider.type", which is a string in Loom's union.
  if (event.type === 'custom') return { type: 'message-metadata', messageMetadata: {} }
  return event
}

const earlierPart = (toolCallId: string): UIMessage['parts'][number] => ({
  type: 'dynamic-tool',
  toolName: 'earlier',
  toolCallId,
  state: 'approval-requested',
  input: {},
  approval: { id: `approval-of-${toolCallId}` },
})

/** Calls at the end of a conversation without a result. */
function callIdsOf(messages: readonly ModelMessage[]): string[] {
  const called = new Set<string>()
  for (const { role, content } of messages) {
    if (role === 'assistant') called.clear()
    if (typeof content === 'string') continue
    for (const part of content) {
      if (part.type === 'tool-call') called.add(part.toolCallId)
      if (part.type === 'tool-result') called.delete(part.toolCallId)
    }
  }
  return [...called]
}

function expectWhole({ parts }: UIMessage, { outcome }: RunResult): void {
  const open =
    outcome === 'waiting'
      ? ['streaming', 'input-streaming']
      : ['streaming', 'input-streaming', 'input-available', 'approval-requested']
  const dangling = parts.filter(
    (part) => 'state' in part && part.state !== undefined && open.includes(part.state),
  )
  expect(dangling).toEqual([])
}

export const textOf = ({ parts }: UIMessage): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

/** The text of the assistant in the messages from `from` on. */
export function textIn({ messages }: RunResult, from = 0): string {
  const parts = messages
    .slice(from)
    .flatMap((message) => (message.role === 'assistant' ? [message.content] : []))
    .flatMap((content) =>
      typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content,
    )
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

export const typesOf = (events: readonly AgentEvent[]) => events.map(({ type }) => type)

export const ofType = <TYPE extends AgentEvent['type']>(
  events: readonly AgentEvent[],
  type: TYPE,
): EventOf<TYPE>[] => events.filter((event): event is EventOf<TYPE> => event.type === type)

/**
 * For `beforeEach`: fails for an unhandled rejection, which would end a server's process.
 * @returns the function that vitest calls after the test
 */
export function watchRejections(): () => Promise<void> {
  const reasons: unknown[] = []
  const note = (reason: unknown) => reasons.push(reason)
  process.on('unhandledRejection', note)
  return async () => {
    // Node reports them after the microtasks of the turn in which they were left.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', note)
    expect(reasons).toEqual([])
  }
}
