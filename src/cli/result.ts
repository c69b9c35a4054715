/**
 * The result of a turn for a program: `--json`, and the last line of `--output-format stream-json`.
 */
import type { JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { errorMessage } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import { outputIn, textOf, uiMessage } from '../message-fold.ts'
import type { OutputFormat } from './chat-options.ts'
import type { PlayedTurn } from './play.ts'

export interface ChatResult {
  text: string
  /** The output of an agent with an `output` schema. */
  output?: JSONValue
  sessionId: string
  /** The messages that the turn added to the conversation. */
  messages: UIMessage[]
  finishReason?: string
  usage?: unknown
  steps?: unknown
  durationMs: number
  /** US dollars. Missing if a price is not known. */
  cost?: unknown
  error?: string
}

export interface ResultOptions {
  turn: PlayedTurn
  sessionId: string
  /** The question. Undefined with `--watch`. */
  question: UIMessage | undefined
  durationMs: number
}

export function resultOf({ turn, sessionId, question, durationMs }: ResultOptions): ChatResult {
  const { message, finishReason, errorText } = turn
  const { usage, steps, cost } = fieldsOf(message.metadata)
  const output = outputIn(message)
  return {
    text: textOf(message),
    ...(output !== undefined && { output }),
    sessionId,
    messages: [...(question === undefined ? [] : [question]), uiMessage(message)],
    ...(finishReason !== undefined && { finishReason }),
    ...(usage !== undefined && { usage }),
    ...(steps !== undefined && { steps }),
    durationMs: Math.round(durationMs),
    ...(cost !== undefined && cost !== null && { cost }),
    ...(errorText !== undefined && { error: errorText }),
  }
}

/** The only line of `--json`, or the last of `stream-json`. */
export const resultLine = (result: Partial<ChatResult>, format: OutputFormat): string =>
  `${JSON.stringify(format === 'json' ? result : { type: 'data-result', data: result })}\n`

/** Outcomes of a run that reached a limit. */
const limits = new Set<unknown>(['max-steps', 'max-cost', 'max-tokens'])

/** The limit that ended a turn, as a text for the user. Undefined if none did. */
export function limitOf({ message, finishReason }: PlayedTurn): string | undefined {
  const { outcome, steps, reason } = fieldsOf(message.metadata)
  if (finishReason === 'length') return 'cut off: the answer is as long as the model may make it'
  if (!limits.has(outcome)) return undefined
  if (typeof reason === 'string') return reason
  return outcome === 'max-steps'
    ? `stopped after ${String(steps)} steps (--max-steps)`
    : String(outcome)
}

/** Why the answer is missing or incomplete, as a text for the user. Undefined if it is complete. */
export function lackOf({ message, finishReason }: PlayedTurn): string | undefined {
  if (finishReason === 'content-filter') return 'cut off: the provider withholds the rest'
  // An answer without text may be complete if it contains tool calls, files or data.
  const isEmpty = message.parts.every(({ type, text }) =>
    type === 'text' ? String(text).trim() === '' : type === 'step-start' || type === 'reasoning',
  )
  return isEmpty ? 'the model said nothing' : undefined
}

/** The result for a program if no turn began. */
export const errorResult = (error: unknown): Pick<ChatResult, 'text' | 'messages' | 'error'> => ({
  text: '',
  messages: [],
  error: errorMessage(error),
})

/** `1,234 tokens in, 56 out, $0.0012`. */
export function spentText(metadata: unknown): string | undefined {
  const { usage, cost } = fieldsOf(metadata)
  const { inputTokens, outputTokens } = fieldsOf(usage)
  if (typeof inputTokens !== 'number' || typeof outputTokens !== 'number') return undefined
  const { usd } = fieldsOf(cost)
  const price = typeof usd === 'number' ? `, $${usd.toFixed(usd < 0.01 ? 6 : 4)}` : ''
  return `${count(inputTokens)} tokens in, ${count(outputTokens)} out${price}`
}

const count = (tokens: number) => tokens.toLocaleString('en-US')
