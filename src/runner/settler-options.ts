/** The inputs that the tool calls of a run receive from it. */
import { systemClock } from '../ground/clock.ts'
import type { RootMessage, RunOptions } from '../run-options.ts'
import type { Sink } from '../sink.ts'
import type { AgentRunOptions } from './agent-run-options.ts'
import type { CallSettlerOptions } from './call-settler.ts'
import { contextOf } from './context.ts'
import type { Ledger } from './ledger.ts'
import { subRuns } from './sub-runs.ts'
import { toolHooks } from './tool-hook-calls.ts'

export function settlerOptions<CONTEXT>(
  { agent, models, signal, options, messageId, telemetry, runBelow }: AgentRunOptions<CONTEXT>,
  { emit, ledger }: { emit: Sink; ledger: Ledger },
): CallSettlerOptions {
  const { session, depth = 0, principal = '' } = options
  const { callPath, ...root } = rootMessageOf(options, messageId)
  const context = contextOf(options)
  // Some servers count calls from 0 in every reply, and the run may not have the earlier call with the
  // same id, if a summary replaced it or it was cut off. So the message id is a part of the key.
  const scope = session === undefined ? messageId : `${session.id}:${messageId}`
  return {
    emit,
    telemetry,
    signal,
    clock: options.clock ?? systemClock,
    context,
    approvalSecret: agent.approvalSecret,
    approvals: options.approvals !== false,
    clientTools: options.clientTools !== false,
    redact: (text) => models.redact(text),
    hooks: toolHooks(agent, context),
    trustApprovals: session !== undefined,
    beforeStart: session?.beforeStart,
    record: session?.record,
    dataSchemas: agent.dataSchemas,
    callPath,
    contextOf: ({ toolCallId, toolName, tool }, callSignal, data) => {
      const idempotencyKey = `${scope}:${toolCallId}`
      return {
        context,
        idempotencyKey,
        conversation: session?.id ?? messageId,
        principal,
        ...root,
        agent: agent.name,
        depth,
        schedules: session?.schedules,
        task:
          tool?.hasAgent === true
            ? session?.tasks?.taskOf({
                toolCallId,
                toolName,
                signal: callSignal,
                spend: (spending) => ledger.addTask(toolCallId, spending),
              })
            : undefined,
        run: subRuns({
          runBelow,
          toolCallId,
          key: idempotencyKey,
          callPath: `${callPath}${toolCallId}/`,
          data,
          signal: callSignal,
          ledger,
        }),
      }
    },
  }
}

/** The message that clients see: tools of a sub-agent work for the message of the agent above. */
export const rootMessageOf = <CONTEXT>(
  { session, rootMessage }: RunOptions<CONTEXT>,
  messageId: string,
): RootMessage => rootMessage ?? { sessionId: session?.publicId, messageId, callPath: '' }
