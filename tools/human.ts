/**
 * Asks the human a question. Over HTTP the client shows the question: the turn waits, for days if
 * necessary, and continues when a client answers the call. A program with its own input, such as a
 * terminal, passes `ask`; if no human is there, the tool reports an error to the model.
 */
import type { ToolResultPart } from 'ai'

import { defineTool } from '../src/define-tool.ts'
import { LoomError } from '../src/ground/error.ts'
import { isFields } from '../src/ground/fields.ts'
import { toJson } from '../src/ground/json.ts'
import type { Zod } from '../src/ground/schema.ts'
import { untilAborted } from '../src/ground/until-aborted.ts'
import type { NamedTool } from '../src/tool.ts'
import { inputSchema } from './input-schema.ts'

/**
 * A question of the model to the human.
 * @example
 * ```ts
 * import type { Question } from 'loomkit'
 *
 * const question: Question = {
 *   question: 'Which branch?',
 *   options: ['main', 'next'],
 *   default: 'main',
 * }
 * ```
 */
export interface Question {
  /** The text of the question. */
  question: string
  /** Suggested answers. The human may give another answer. */
  options: readonly string[]
  /** The meaning of an empty answer. */
  default: string | undefined
}

/**
 * Asks the human a question. Resolves to the answer, or to undefined if no human can answer. It must
 * settle when the signal aborts.
 * @example
 * ```ts
 * import type { Ask } from 'loomkit'
 *
 * const ask: Ask = async ({ default: fallback }) => fallback
 * ```
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<string | undefined>

/**
 * Options of the tool `human`.
 * @example
 * ```ts
 * import type { HumanOptions } from 'loomkit'
 *
 * const options: HumanOptions = { ask: async ({ default: fallback }) => fallback, timeoutMs: 60_000 }
 * ```
 */
export interface HumanOptions {
  /** Asks the human in this process. @defaultValue the client answers the call */
  ask?: Ask
  /** The time limit of an answer in milliseconds. It applies only with `ask`. @defaultValue 600000 */
  timeoutMs?: number
}

const questionSchema = (z: Zod) =>
  z.object({
    question: z.string().min(1).max(4000).describe('One question, in the language of the human'),
    options: z
      .array(z.string().min(1).max(200))
      .max(20)
      .optional()
      .describe('Answers to choose from; the human may give another one'),
    default: z.string().max(1000).optional().describe('The meaning of an empty answer'),
  })

const definition = {
  name: 'human',
  title: 'Question',
  description:
    'Asks the human a question and returns the answer. Use it for facts and decisions that only the human has, not for facts that you can find out.',
  inputSchema: inputSchema(questionSchema),
  // A repeated question does no harm.
  retry: 'safe',
} as const

/**
 * Creates the tool `human`, which asks the human a question. Without `ask` the client answers the call,
 * as it does for any client-side tool.
 * @example
 * ```ts
 * import { human } from 'loomkit'
 *
 * const tool = human()
 * ```
 */
export function human({ ask, timeoutMs = 600_000 }: HumanOptions = {}): NamedTool {
  if (ask === undefined) return defineTool({ ...definition, toModelOutput: modelOutput })
  return defineTool({
    ...definition,
    // Longer than the limit below, whose message is clearer to the model.
    timeoutMs: timeoutMs + 10_000,
    execute: async ({ question, options = [], default: fallback }, { signal }) => {
      const late = new AbortController()
      const tooLate = new LoomError(
        'aborted',
        `Nobody answered within ${timeoutMs / 1000} seconds.`,
      )
      const timer = setTimeout(() => late.abort(tooLate), timeoutMs)
      const stop = AbortSignal.any([signal, late.signal])
      try {
        const request = { question, options, default: fallback }
        const answer = await untilAborted(stop, () => ask(request, stop))
        if (answer === undefined) throw new Error('No human is here to be asked.')
        const text = answerText(answer, fallback)
        if (text === undefined) throw new Error(noAnswer)
        return text
      } finally {
        clearTimeout(timer)
      }
    },
  })
}

const noAnswer = 'The human gave no answer.'

const answerText = (answer: string, fallback: string | undefined): string | undefined =>
  answer.trim() === '' ? fallback : answer.trim()

/**
 * Converts a client's answer for the model; the stored message keeps the answer unchanged. The input is
 * the model's own and unchecked.
 */
function modelOutput({
  input,
  output,
}: {
  input: unknown
  output: unknown
}): ToolResultPart['output'] {
  // A client may answer with any JSON value.
  if (typeof output !== 'string') return { type: 'json', value: toJson(output) }
  const fallback = isFields(input) ? input['default'] : undefined
  const text = answerText(output, typeof fallback === 'string' ? fallback : undefined)
  return text === undefined
    ? { type: 'error-text', value: noAnswer }
    : { type: 'text', value: text }
}

/** The tool of the command, which the client answers: the terminal, or a page. */
export const clientHuman = human()
