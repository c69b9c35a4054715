/** What the calls of a turn are given of the run that they belong to. */
import type { CallSettlerOptions } from './call-settler.ts'
import { contextOf } from './context.ts'
import type { Ledger } from './ledger.ts'
import { subRuns } from './sub-runs.ts'
import type { TurnOptions } from './turn-options.ts'

export function settlerOptions<CONTEXT>(
  turn: TurnOptions<CONTEXT>,
  ledger: Ledger,
): CallSettlerOptions {
  const { agent, models, emit, signal, options, messageId, runBelow } = turn
  const context = contextOf(options)
  const { session } = options
  // Some servers count calls from 0 in every reply, and ids are unique in what a run is given: what
  // was summed up or cut away may hold the same one.
  const scope = session === undefined ? messageId : `${session.id}:${messageId}`
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
      const idempotencyKey = `${scope}:${call.toolCallId}`
      return {
        context,
        idempotencyKey,
        conversation: session?.id ?? messageId,
        agent: agent.name,
        depth: options.depth ?? 0,
        run: subRuns({ runBelow, key: idempotencyKey, signal: callSignal, ledger }),
      }
    },
  }
}
