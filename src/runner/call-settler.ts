/**
 * Decides who settles each tool call of a reply, and sees to it: this process runs what it may, the
 * client answers what is the client's, a human is asked before what needs approval. What is left
 * open makes the turn wait.
 */
import type { ModelMessage, ToolContent } from 'ai'

import type { Sink } from '../sink.ts'
import { approvalIdOf, isApprovalOf } from './approval.ts'
import { type DecidedCall, decidedCalls } from './pending.ts'
import type { StepReader } from './step-reader.ts'
import {
  failed,
  ofCall,
  resultPart,
  runToolCalls,
  type ToolCallsOptions,
  type ToolOutcome,
} from './tool-calls.ts'
import type { ToolCall } from './tool-inputs.ts'
import type { ToolTable } from './tool-table.ts'

const nobodyToAsk = 'This call needs the approval of a human, and nobody can be asked here.'

export interface CallSettlerOptions extends Omit<ToolCallsOptions, 'messages' | 'concurrency'> {
  emit: Sink
  context: unknown
  approvalSecret: string
  /** False when nobody can approve. */
  approvals: boolean
}

export interface Settlement {
  outcomes: ToolOutcome[]
  /** Whether a client or a human must act before the turn can go on. */
  waits: boolean
}

/** What of a turn may change from step to step. */
export interface CallRound {
  messages: ModelMessage[]
  tools: ToolTable
  concurrency: number
}

export class CallSettler {
  readonly #options: CallSettlerOptions

  constructor(options: CallSettlerOptions) {
    this.#options = options
  }

  /** Settles what can be settled of a reply's calls. */
  async settle(reply: StepReader, round: CallRound): Promise<Settlement> {
    const { run, client, ask, refused } = await this.#sort(reply.calls, round)
    const outcomes = await this.#run(run, round)
    for (const call of refused) {
      await this.#options.emit({
        type: 'tool-output-error',
        errorText: nobodyToAsk,
        ...ofCall(call),
      })
      outcomes.push(failed(call, nobodyToAsk))
    }
    for (const call of ask) await this.#ask(reply, call)
    return { outcomes, waits: ask.length > 0 || client.length > 0 || reply.waitsForApproval }
  }

  /** Runs what a human approved since the last run; the model is told of what was denied. */
  async settleDecided(round: CallRound): Promise<ToolContent> {
    const run: ToolCall[] = []
    const denied: ToolContent = []
    for (const decision of decidedCalls(round.messages)) {
      const call = await this.#callOf(decision, round.tools)
      if (decision.approved) run.push(call)
      else {
        const { reason } = decision
        await this.#options.emit({ type: 'tool-output-denied', toolCallId: call.toolCallId })
        const output = {
          type: 'execution-denied' as const,
          ...(reason !== undefined && { reason }),
        }
        denied.push(resultPart(call, output))
      }
    }
    const outcomes = await this.#run(run, round)
    return [...outcomes.map(({ part }) => part), ...denied]
  }

  async #sort(calls: readonly ToolCall[], { messages }: CallRound) {
    const run: ToolCall[] = []
    const client: ToolCall[] = []
    const ask: ToolCall[] = []
    const refused: ToolCall[] = []
    for (const call of calls) {
      if (call.refusal !== undefined) run.push(call)
      else if (await this.#needsApproval(call, messages)) {
        ;(this.#options.approvals ? ask : refused).push(call)
      } else if (call.tool?.execute === undefined) client.push(call)
      else run.push(call)
    }
    return { run, client, ask, refused }
  }

  async #needsApproval(call: ToolCall, messages: ModelMessage[]): Promise<boolean> {
    const { toolCallId, checkedInput, tool } = call
    const { context } = this.#options
    try {
      return (await tool?.needsApproval(checkedInput, { toolCallId, messages, context })) ?? false
    } catch {
      // A rule that fails must not let the call through.
      return true
    }
  }

  async #ask(reply: StepReader, call: ToolCall): Promise<void> {
    const { toolCallId } = call
    const approvalId = approvalIdOf(call, this.#options.approvalSecret)
    reply.content.push({ type: 'tool-approval-request', approvalId, toolCallId })
    await this.#options.emit({ type: 'tool-approval-request', approvalId, toolCallId })
  }

  #run(calls: readonly ToolCall[], round: CallRound): Promise<ToolOutcome[]> {
    const { messages, concurrency } = round
    return runToolCalls(calls, { ...this.#options, messages, concurrency })
  }

  /** The decided call, checked anew: its input has been at the client's since. */
  async #callOf(decision: DecidedCall, tools: ToolTable): Promise<ToolCall> {
    const { toolCallId, toolName, input } = decision
    const tool = tools.get(toolName)
    const dynamic = tool?.dynamic ?? true
    const call = {
      toolCallId,
      toolName,
      input,
      tool,
      dynamic,
      checkedInput: input,
      refusal: undefined,
    }
    if (!decision.approved) return call
    const checked = await this.#checkDecision(decision, tools)
    if ('input' in checked) return { ...call, checkedInput: checked.input }
    const { refusal } = checked
    await this.#options.emit({ type: 'tool-output-error', errorText: refusal, ...ofCall(call) })
    return { ...call, refusal }
  }

  async #checkDecision(
    decision: DecidedCall,
    tools: ToolTable,
  ): Promise<{ input: unknown } | { refusal: string }> {
    const tool = tools.get(decision.toolName)
    if (tool === undefined) return { refusal: `There is no tool "${decision.toolName}".` }
    if (!isApprovalOf(decision.approvalId, decision, this.#options.approvalSecret)) {
      return { refusal: 'This approval is not for this call, or another process asked for it.' }
    }
    return tool.check(decision.input)
  }
}
