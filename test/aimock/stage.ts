/**
 * A mock of the model providers from an independent project, and runs against it. Every run has a
 * time limit and checks for facts that hold with every provider: the events are well formed, a
 * failure is a readable `LoomError`, and the API key is in no output. The mock refuses requests
 * without the key, so each answer shows that the key arrived.
 */
import { setImmediate } from 'node:timers/promises'

import { LLMock } from '@copilotkit/aimock'
import type { ChatMessage, FixtureFileResponse, FixtureOpts } from '@copilotkit/aimock'
import type { ModelMessage } from 'ai'
import { expect, onTestFinished } from 'vitest'

import type { Agent } from '../../src/agent.ts'
import { defineAgent } from '../../src/agent.ts'
import type { AgentEvent, EventOf } from '../../src/event.ts'
import { LoomError } from '../../src/ground/error.ts'
import { run } from '../../src/index.ts'
import type { Models } from '../../src/model.ts'
import { createModels } from '../../src/model/resolve.ts'
import type { RunOptions } from '../../src/run-options.ts'
import type { RunResult } from '../../src/run-result.ts'
import { calculator } from '../../tools/calculator.ts'
import { within } from '../deadline.ts'
import { expectWellFormed } from '../event-grammar.ts'
import type { OnFinished } from '../fixtures/open-server.ts'

export const apiKey = 'sk-test-0c5f6b1e9d7a4823'

export interface Provider {
  name: string
  model: string
  /** The prefix of its variables. */
  variable: string
  /** The path of its API on the mock. */
  path: string
}

export const providers: readonly Provider[] = [
  { name: 'OpenAI chat completions', model: 'mock/large', variable: 'MOCK', path: '/v1' },
  {
    name: 'Anthropic messages',
    model: 'anthropic/claude-sonnet-4-5',
    variable: 'ANTHROPIC',
    path: '',
  },
  { name: 'OpenAI responses', model: 'openai/gpt-5.1', variable: 'OPENAI', path: '/v1' },
  { name: 'Gemini', model: 'google/gemini-2.5-pro', variable: 'GOOGLE', path: '' },
]

/** Returns the variables that send every provider to one address. */
export function environmentFor(url: string): Record<string, string> {
  return Object.fromEntries(
    providers.flatMap(({ variable, path }) => [
      [`${variable}_BASE_URL`, url + path],
      [`${variable}_API_KEY`, apiKey],
    ]),
  )
}

/** The usage in the fields of every provider; each one reads its own. */
export const usage = {
  prompt_tokens: 11,
  completion_tokens: 7,
  input_tokens: 11,
  output_tokens: 7,
  promptTokenCount: 11,
  candidatesTokenCount: 7,
}

export interface Stage {
  mock: LLMock
  models: Models
}

/** Opens a stage until the end of the test. The test fails if a rejection had no handler. */
export async function openStage(onFinished: OnFinished = onTestFinished): Promise<Stage> {
  const strays: unknown[] = []
  const note = (reason: unknown) => void strays.push(reason)
  process.on('unhandledRejection', note)
  onFinished(async () => {
    await setImmediate()
    process.off('unhandledRejection', note)
    expect(strays).toEqual([])
  })
  const mock = new LLMock({ port: 0, chunkSize: 6, auth: { apiKeys: [apiKey] } })
  await mock.start()
  onFinished(() => mock.stop())
  return { mock, models: createModels({ environment: environmentFor(mock.url) }) }
}

/** The provider's answer to one model call, and its fault. */
export type Reply = [response: FixtureFileResponse, fault?: FixtureOpts]

/**
 * Sets the replies to model calls whose last user message contains `question`, in order. Later
 * calls receive the last reply again, for example a retry after a time limit on a busy machine.
 */
export function script(mock: LLMock, question: string, ...replies: readonly Reply[]): void {
  const userMessage = question
  for (const [sequenceIndex, [response, fault]] of replies.entries()) {
    const isLast = sequenceIndex === replies.length - 1
    mock.on(isLast ? { userMessage } : { userMessage, sequenceIndex }, response, fault)
  }
}

export const says = (content: string) => ({ content, usage })

export const calculates = (...expressions: string[]) => ({
  toolCalls: expressions.map((expr) => ({ name: 'calculator', arguments: { expr } })),
  usage,
})

export const quickRetries = { retries: 3, initialDelayMs: 1, maxDelayMs: 10 }

export const assistant: Agent = defineAgent({
  name: 'assistant',
  systemPrompt: 'You are a careful assistant.',
  tools: [calculator],
  retry: quickRetries,
})

export interface Recorded {
  events: AgentEvent[]
  result: RunResult | undefined
  error: LoomError | undefined
}

/** Runs an agent and checks the facts that hold for every run. */
export async function record(
  agent: Agent,
  messages: string | readonly ModelMessage[],
  options: RunOptions,
): Promise<Recorded> {
  const events: AgentEvent[] = []
  const running = run(agent, messages, { ...options, sink: (event) => void events.push(event) })
  const { result, error } = await within(
    10_000,
    `the run of ${JSON.stringify(options.model)}`,
    running.then(
      (result) => ({ result, error: undefined }),
      (reason: unknown) => ({ result: undefined, error: loomError(reason) }),
    ),
  )
  expectWellFormed(events)
  expect(typesOf(events).slice(error === undefined ? -1 : -2)).toEqual(
    error === undefined ? ['finish'] : ['error', 'finish'],
  )
  expect(JSON.stringify({ events, result, failed: error?.result })).not.toContain(apiKey)
  expect(`${error?.message} ${error?.stack}`).not.toContain(apiKey)
  const given = typeof messages === 'string' ? 1 : messages.length
  const kept = (result ?? error?.result)?.messages.slice(given) ?? []
  expect(storedIn(kept)).toEqual(shownBy(events))
  return { events, result, error }
}

function loomError(reason: unknown): LoomError {
  if (!(reason instanceof LoomError)) throw reason
  expect(['model-failed', 'model-timeout']).toContain(reason.code)
  // The message is a text for people, without a stack.
  expect(reason.message).toMatch(/^The model.{10,}/)
  expect(reason.message).not.toMatch(/^\s+at /m)
  expect(reason.message.length).toBeLessThan(1000)
  return reason
}

/** Returns the final state of a reader: texts in order, and calls. A withdrawn step is left out. */
function shownBy(events: readonly AgentEvent[]): { text: string; calls: string[] } {
  let shown = { text: '', calls: new Set<string>() }
  let before = structuredClone(shown)
  for (const event of events) {
    if (event.type === 'start-step') before = structuredClone(shown)
    if (event.type === 'reset-step') shown = structuredClone(before)
    if (event.type === 'text-delta') shown.text += event.delta
    if (event.type === 'tool-input-start') shown.calls.add(event.toolCallId)
  }
  return { text: shown.text, calls: [...shown.calls].toSorted() }
}

/** Returns the same of the messages that a run added. */
function storedIn(messages: readonly ModelMessage[]): { text: string; calls: string[] } {
  const parts = messages.flatMap(({ role, content }) =>
    role === 'assistant' && typeof content !== 'string' ? content : [],
  )
  return {
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : [])).toSorted(),
  }
}

export const typesOf = (events: readonly AgentEvent[]) => events.map(({ type }) => type)

export function textOf(events: readonly AgentEvent[], type: 'text' | 'reasoning' = 'text'): string {
  return events
    .filter((event) => event.type === `${type}-delta`)
    .map((event) => ('delta' in event ? event.delta : ''))
    .join('')
}

export function ofType<TYPE extends AgentEvent['type']>(
  events: readonly AgentEvent[],
  type: TYPE,
): EventOf<TYPE>[] {
  return events.filter((event): event is EventOf<TYPE> => event.type === type)
}

/** Returns the messages of every request to the mock, in the form of OpenAI. */
export function askedOf(mock: LLMock): ChatMessage[][] {
  return mock.getRequests().map(({ body }) => {
    const messages: unknown = body?.['messages']
    return Array.isArray(messages) ? messages : []
  })
}

/** No provider accepts a call without its result, or a result without its call. */
export function expectPairedCalls(asked: readonly (readonly ChatMessage[])[]): void {
  for (const messages of asked) {
    const called = messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ id }) => id))
    const answered = messages.flatMap(({ tool_call_id: id }) => (id === undefined ? [] : [id]))
    expect(answered.toSorted()).toEqual(called.toSorted())
    expect(new Set(called).size).toBe(called.length)
  }
}
