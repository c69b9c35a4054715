/** What the calls of a turn are given of the run that they belong to. */
import type { CallSettlerOptions } from './call-settler.ts'
import { contextOf } from './context.ts'
import type { Ledger } from './ledger.ts'
import { subRuns } from './sub-runs.ts'
import type { TurnOptions } from './turn.ts'

export function settlerOptions<CONTEXT>(
  turn: TurnOptions<CONTEXT>,
  ledger: Ledger,
): CallSettlerOptions {
  const { agent, models, emit, signal, options, messageId, runBelow } = turn
  const context = contextOf(options)
  return {
    emit,
    signal,
    context,
    approvalSecret: agent.approvalSecret,
    approvals: options.approvals !== false,
    clientTools: options.clientTools !== false,
    redact: (text) => models.redact(text),
    trustApprovals: options.session !== undefined,
    beforeStart: options.session?.beforeStart,
    contextOf: (call, callSignal) => {
      // A provider may count its calls from 0 in every reply, and only those of this message are known
      // to be others: what was summed up or cut away may hold the same id.
      const idempotencyKey = [options.session?.id ?? [], messageId, call.toolCallId]
        .flat()
        .join(':')
      return {
        context,
        idempotencyKey,
        agent: agent.name,
        depth: options.depth ?? 0,
        run: subRuns({ runBelow, key: idempotencyKey, signal: callSignal, ledger }),
      }
    },
  }
}
