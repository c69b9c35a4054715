/** Sub-agents of one tool call. Their spending counts as the run's own, also if they fail. */
import type { ModelMessage } from 'ai'

import type { Agent } from '../agent.ts'
import type { AgentEvent } from '../event.ts'
import type { RunResult } from '../run-result.ts'
import type { Sink } from '../sink.ts'
import type { CallData, DataEvent } from './call-data.ts'
import type { Ledger } from './ledger.ts'

/** Runs a sub-agent with the options of the run above. */
export type RunBelow = <OUTPUT>(
  agent: Agent<unknown, OUTPUT>,
  messages: string | readonly ModelMessage[],
  options: {
    sink?: Sink
    signal: AbortSignal
    messageId: string
    callPath: string
    toolCallId: string
    above: Ledger
  },
) => Promise<RunResult<OUTPUT>>

export interface SubRuns {
  runBelow: RunBelow
  toolCallId: string
  /** The idempotency key of the call. It is the same for each attempt, and so are the keys below it. */
  key: string
  /** The call and those above it, before the ids of the data parts below. */
  callPath: string
  /** The data parts of the call. */
  data: CallData
  signal: AbortSignal
  /** The ledger of the run. */
  ledger: Ledger
}

export function subRuns({ runBelow, toolCallId, key, callPath, data, signal, ledger }: SubRuns) {
  let count = 0
  return async <OUTPUT>(
    agent: Agent<unknown, OUTPUT>,
    messages: string | readonly ModelMessage[],
    { sink, forwardData = false }: { sink?: Sink; forwardData?: boolean } = {},
  ): Promise<RunResult<OUTPUT>> => {
    const number = ++count
    const received = forwardData ? forwarding(sink, (event) => data.forward(event, signal)) : sink
    return runBelow(agent, messages, {
      ...(received !== undefined && { sink: received }),
      signal,
      messageId: `${key}/${number}`,
      callPath: `${callPath}${number}/`,
      toolCallId,
      above: ledger,
    })
  }
}

/** A sink that also forwards the data parts of tools. The output of an agent is not one of them. */
function forwarding(sink: Sink | undefined, forward: (event: DataEvent) => Promise<void>): Sink {
  return (event) => {
    const wait = sink?.(event)
    if (!isToolData(event)) return wait
    return wait instanceof Promise ? wait.then(() => forward(event)) : forward(event)
  }
}

const isToolData = (event: AgentEvent): event is DataEvent =>
  event.type.startsWith('data-') && event.type !== 'data-output'
