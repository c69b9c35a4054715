/** The telemetry events of a run in which each of them occurs. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { expect } from 'vitest'

import { scriptedModel } from '../../src/entries/testing.ts'
import { assistantMessage, defineAgent, run, userMessage } from '../../src/index.ts'
import { calculator } from '../../tools/calculator.ts'
import { codeIn } from '../docs/pages.ts'
import { type Checks, type Context, context, loomCode, type Row } from './row.ts'

interface Message {
  measurements?: Record<string, unknown>
  metadata?: Record<string, unknown>
}

/** The messages of one channel during a run. */
async function messagesOf(channel: string): Promise<Message[]> {
  const messages: Message[] = []
  const note = (message: unknown) => messages.push({ ...Object(message) })
  subscribe(channel, note)
  try {
    await runAll()
  } finally {
    unsubscribe(channel, note)
  }
  return messages
}

/** A run with a retry, a failed tool, and a prompt that must be compacted. */
async function runAll(): Promise<void> {
  const sum = (...expressions: string[]) => ({
    toolCalls: expressions.map((expr) => ({ toolName: 'calculator', input: { expr } })),
  })
  const model = scriptedModel([
    { error: { status: 503 } },
    sum('6*7', '1/0'),
    sum(`1${'+1'.repeat(450)}`),
    'Done.',
  ])
  const agent = defineAgent<Context>({
    name: 'math',
    systemPrompt: 'Compute.',
    tools: [calculator],
    model,
    contextWindow: 1050,
    compaction: { summarise: false },
    retry: { initialDelayMs: 1, maxDelayMs: 2 },
  })
  const history = Array.from({ length: 4 }, (_, index) => [
    userMessage(`${index} ${'word '.repeat(100)}`),
    assistantMessage('Yes.'),
  ])
  await run(agent, [...history.flat(), userMessage('Compute.')], { context })
}

/** The columns of the row are the fields of each message on its channel. */
async function check(row: Row): Promise<void> {
  const messages = await messagesOf(loomCode(row))
  const [, , measurements, metadata] = row
  expect(messages).not.toEqual([])
  for (const message of messages) {
    expect(Object.keys(message.measurements ?? {})).toEqual(
      expect.arrayContaining(codeIn(measurements)),
    )
    expect(Object.keys(message.metadata ?? {})).toEqual(expect.arrayContaining(codeIn(metadata)))
    for (const value of Object.values(message.measurements ?? {})) {
      expect(value).toBeGreaterThanOrEqual(0)
    }
  }
}

/** Each event of LoomEx with its measurements and metadata there, in the names of Loom. */
const events: Record<string, [measurements: string[], metadata: string[]]> = {
  'agent, :start': [[], ['agent', 'context']],
  'agent, :stop': [
    ['durationMs', 'steps'],
    ['agent', 'result'],
  ],
  'step, :start': [[], ['agent', 'step']],
  'step, :stop': [['durationMs'], ['agent', 'step']],
  'llm, :start': [[], ['model', 'messageCount']],
  'llm, :stop': [['durationMs'], ['model', 'finishReason']],
  'llm, :retry': [['delayMs'], ['model', 'attempt', 'error']],
  'tool, :start': [[], ['tool', 'toolCallId']],
  'tool, :stop': [['durationMs'], ['tool', 'toolCallId']],
  'tool, :error': [['durationMs'], ['tool', 'error']],
  'context, :compact': [
    ['tokensBefore', 'tokensAfter'],
    ['removed', 'kept'],
  ],
}

export const telemetryChecks: Checks = Object.fromEntries(
  Object.entries(events).map(([event, fields]) => [
    `\`[:loom_ex, :${event}]\``,
    async (row: Row) => {
      expect(row.slice(2).map(codeIn)).toEqual(fields)
      await check(row)
    },
  ]),
)
