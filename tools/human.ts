/**
 * Asks the human who talks with the agent. Over HTTP the question is the client's: the turn waits,
 * for days if need be, and whoever answers the call lets it go on. Where a program sits between, as a
 * terminal does, it is given as `ask`, and nobody being there is an error the model is told.
 */
import type { ToolResultPart } from 'ai'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import { LoomError } from '../src/error.ts'
import { isFields } from '../src/fields.ts'
import { toJson } from '../src/json.ts'
import type { NamedTool } from '../src/tool.ts'
import { untilAborted } from '../src/until-aborted.ts'
import { inputSchema } from './input-schema.ts'

/** What the model wants to know. */
export interface Question {
  question: string
  /** To choose from; another answer is one too. */
  options: readonly string[]
  /** What an empty answer means. */
  default: string | undefined
}

/** Gives the answer, or undefined where nobody can be asked. The signal ends the question. */
export type Ask = (question: Question, signal: AbortSignal) => Promise<string | undefined>

export interface HumanOptions {
  /** @defaultValue the client answers */
  ask?: Ask
  /** How long somebody has for the answer, where `ask` is given. @defaultValue 600000 */
  timeoutMs?: number
}

const questionSchema = z.object({
  question: z.string().min(1).max(4000).describe('One question, in the language of the human'),
  options: z
    .array(z.string().min(1).max(200))
    .max(20)
    .optional()
    .describe('Answers to choose from; the human may give another one'),
  default: z.string().max(1000).optional().describe('What is meant by an empty answer'),
})

const definition = {
  name: 'human',
  title: 'Question',
  description:
    'Asks the human a question and gives the answer. For what only the human can know or decide; not for what can be found out.',
  inputSchema: inputSchema(questionSchema),
  // To be asked twice harms nobody.
  retry: 'safe',
} as const

/** Asks the human. Without `ask` the client answers, as any tool of its own. */
export function human({ ask, timeoutMs = 600_000 }: HumanOptions = {}): NamedTool {
  if (ask === undefined) return defineTool({ ...definition, toModelOutput: told })
  return defineTool({
    ...definition,
    // The time limit below is told better.
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
        const asked = { question, options, default: fallback }
        const answer = await untilAborted(stop, () => ask(asked, stop))
        if (answer === undefined) throw new Error('No human is here to be asked.')
        const meant = meantBy(answer, fallback)
        if (meant === undefined) throw new Error(noAnswer)
        return meant
      } finally {
        clearTimeout(timer)
      }
    },
  })
}

const noAnswer = 'The human gave no answer.'

const meantBy = (answer: string, fallback: string | undefined): string | undefined =>
  answer.trim() === '' ? fallback : answer.trim()

/**
 * What the model is told of a client's answer; the message keeps that as it was given. The input is as
 * the model gave it, unchecked.
 */
function told({ input, output }: { input: unknown; output: unknown }): ToolResultPart['output'] {
  // A client may answer with more than a text.
  if (typeof output !== 'string') return { type: 'json', value: toJson(output) }
  const fallback = isFields(input) ? input['default'] : undefined
  const meant = meantBy(output, typeof fallback === 'string' ? fallback : undefined)
  return meant === undefined
    ? { type: 'error-text', value: noAnswer }
    : { type: 'text', value: meant }
}
