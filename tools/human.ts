/**
 * Asks the human who talks with the agent. Over HTTP the question is the client's: the turn waits,
 * for days if need be, and whoever answers the call lets it go on. Where a program sits between, as a
 * terminal does, it is given as `ask`, and nobody being there is an error the model is told.
 */
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import { LoomError } from '../src/error.ts'
import { untilAborted } from '../src/runner/until-aborted.ts'
import type { NamedTool } from '../src/tool.ts'

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

const inputSchema = z.object({
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
  inputSchema,
  // To be asked twice harms nobody.
  retry: 'safe',
} as const

export function human({ ask, timeoutMs = 600_000 }: HumanOptions = {}): NamedTool {
  if (ask === undefined) return defineTool(definition)
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
        if (answer.trim() !== '') return answer.trim()
        if (fallback !== undefined) return fallback
        throw new Error('The human gave no answer.')
      } finally {
        clearTimeout(timer)
      }
    },
  })
}
