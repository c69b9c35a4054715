/** Sub-agents of one tool call. What they spend is told, also where they fail. */
import type { ModelMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../error.ts'
import type { RunResult } from '../runner.ts'
import type { Sink } from '../sink.ts'
import type { Usage } from '../usage.ts'

/** Runs a sub-agent in the world of the run above. */
export type RunBelow = (
  agent: Agent,
  messages: string | readonly ModelMessage[],
  options: { sink?: Sink; signal: AbortSignal; messageId: string },
) => Promise<RunResult>

export interface SubRuns {
  runBelow: RunBelow
  /** The idempotency key of the call: the same for each attempt, and so are the keys further down. */
  key: string
  signal: AbortSignal
  spend: (usage: Usage) => void
}

export function subRuns({ runBelow, key, signal, spend }: SubRuns) {
  let count = 0
  return async (
    agent: Agent,
    messages: string | readonly ModelMessage[],
    options: { sink?: Sink } = {},
  ): Promise<RunResult> => {
    const messageId = `${key}/${++count}`
    try {
      const result = await runBelow(agent, messages, { ...options, signal, messageId })
      spend(result.usage)
      return result
    } catch (error) {
      if (error instanceof LoomError && error.result !== undefined) spend(error.result.usage)
      throw error
    }
  }
}
