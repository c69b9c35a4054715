/** Sub-agents of one tool call. Their spending counts as the run's own, also if they fail. */
import type { ModelMessage } from 'ai'

import type { Agent } from '../agent.ts'
import type { RunResult } from '../run-result.ts'
import type { Sink } from '../sink.ts'
import type { Ledger } from './ledger.ts'

/** Runs a sub-agent with the options of the run above. */
export type RunBelow = <OUTPUT>(
  agent: Agent<unknown, OUTPUT>,
  messages: string | readonly ModelMessage[],
  options: { sink?: Sink; signal: AbortSignal; messageId: string; above: Ledger },
) => Promise<RunResult<OUTPUT>>

export interface SubRuns {
  runBelow: RunBelow
  /** The idempotency key of the call. It is the same for each attempt, and so are the keys below it. */
  key: string
  signal: AbortSignal
  /** The ledger of the run. */
  ledger: Ledger
}

export function subRuns({ runBelow, key, signal, ledger }: SubRuns) {
  let count = 0
  return async <OUTPUT>(
    agent: Agent<unknown, OUTPUT>,
    messages: string | readonly ModelMessage[],
    options: { sink?: Sink } = {},
  ): Promise<RunResult<OUTPUT>> => {
    const messageId = `${key}/${++count}`
    return runBelow(agent, messages, { ...options, signal, messageId, above: ledger })
  }
}
