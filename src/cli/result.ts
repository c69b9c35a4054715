/** What a program is told of a turn: `--json`, and the last line of `--output-format stream-json`. */
import type { UIMessage } from 'ai'

import { errorMessage } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import { textOf, uiMessage } from '../message-fold.ts'
import type { OutputFormat } from './chat-options.ts'
import type { Played } from './play.ts'

export interface ChatResult {
  text: string
  sessionId: string
  /** What the turn added to the conversation. */
  messages: UIMessage[]
  finishReason?: string
  usage?: unknown
  steps?: unknown
  durationMs: number
  /** US dollars, where the prices are known. */
  cost?: unknown
  error?: string
}

export interface ResultOptions {
  played: Played
  sessionId: string
  /** The question; undefined where another's was watched. */
  asked: UIMessage | undefined
  durationMs: number
}

export function resultOf({ played, sessionId, asked, durationMs }: ResultOptions): ChatResult {
  const { message, finishReason, errorText } = played
  const { usage, steps, cost } = fieldsOf(message.metadata)
  return {
    text: textOf(message),
    sessionId,
    messages: [...(asked === undefined ? [] : [asked]), uiMessage(message)],
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

/** Outcomes of a run that are a limit. */
const limits = new Set<unknown>(['max-steps', 'max-cost', 'max-tokens'])

/** Which limit a turn ran into, for people; undefined where none. */
export function limitOf({ message, finishReason }: Played): string | undefined {
  const { outcome, steps, reason } = fieldsOf(message.metadata)
  if (finishReason === 'length') return 'cut off: the answer is as long as the model may make it'
  if (!limits.has(outcome)) return undefined
  if (typeof reason === 'string') return reason
  return outcome === 'max-steps'
    ? `stopped after ${String(steps)} steps (--max-steps)`
    : String(outcome)
}

/** Why there is less of an answer than was asked for, for people. */
export function lackOf({ message, finishReason }: Played): string | undefined {
  if (finishReason === 'content-filter') return 'cut off: the provider withholds the rest'
  // What was done without a word (tools, files, data) may be all that was wanted.
  const isEmpty = message.parts.every(({ type, text }) =>
    type === 'text' ? String(text).trim() === '' : type === 'step-start' || type === 'reasoning',
  )
  return isEmpty ? 'the model said nothing' : undefined
}

/** What a program is told where there was no turn. */
export const failedResult = (error: unknown): Pick<ChatResult, 'text' | 'messages' | 'error'> => ({
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
