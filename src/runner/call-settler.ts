/**
 * Decides who settles each tool call of a reply, and sees to it: this process runs what it may, the
 * client answers what is the client's, a human is asked before what needs approval. What is left
 * open makes the turn wait.
 */
import type { ModelMessage, ToolResultPart } from 'ai'

import { errorMessage } from '../ground/error.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { approvalIdOf, isApprovalOf } from './approval.ts'
import { type DecidedCall, pendingCalls } from './pending.ts'
import type { OpenCall } from './session-hooks.ts'
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
const noClient = 'Nobody is there to answer this call: only text is read here.'
const unknownOutcome =
  'The outcome of this call is unknown: the server that made it died. It may have been done; it was not made again.'
const abortedText = 'Aborted before it was done.'

export interface CallSettlerOptions extends Omit<ToolCallsOptions, 'messages' | 'concurrency'> {
  context: unknown
  approvalSecret: string
  /** False when nobody can approve. */
  approvals: boolean
  /** False when no client runs tools. */
  clientTools: boolean
  /** Decisions come from a session that holds them, and need not prove themselves. */
  trustApprovals: boolean
}

export interface Settlement {
  /** What became of the calls, in their order. */
  results: ToolResultPart[]
  /** Whether a client or a human must act before the turn can go on. */
  waits: boolean
}

/** What of a turn may change from step to step. */
export interface CallRound {
  messages: ModelMessage[]
  tools: ToolTable
  concurrency: number
}

type Handling = 'run' | 'client' | 'ask' | 'refuse'

export class CallSettler {
  readonly #options: CallSettlerOptions

  constructor(options: CallSettlerOptions) {
    this.#options = options
  }

  /** Settles what can be settled of a reply's calls. */
  async settle(reply: StepReader, round: CallRound): Promise<Settlement> {
    const sorted: Record<Handling, ToolCall[]> = { run: [], client: [], ask: [], refuse: [] }
    for (const call of reply.calls) sorted[await this.#handlingOf(call, round)].push(call)
    const outcomes = await this.#run(sorted.run, round)
    outcomes.push(...(await this.#refuse(sorted.refuse)))

    const open = [...sorted.client, ...sorted.ask]
    const { aborted } = this.#options.signal
    if (aborted) outcomes.push(...(await this.#refuse(open, abortedText)))
    else for (const call of sorted.ask) await this.#ask(reply, call)
    const results = reply.calls.flatMap((call) =>
      outcomes.filter((outcome) => outcome.call === call).map(({ part }) => part),
    )
    return { results, waits: !aborted && (open.length > 0 || reply.waitsForApproval) }
  }

  /** Runs what a human approved since the last run; the model is told of what was denied. */
  async settleDecided(round: CallRound): Promise<Settlement> {
    const { decided, undecided } = pendingCalls(round.messages)
    const run: ToolCall[] = []
    const results: ToolResultPart[] = []
    for (const decision of decided) {
      const call = await this.#callOf(decision, round.tools)
      if (decision.approved) run.push(call)
      else results.push(await this.#deny(call, decision.reason))
    }
    const outcomes = await this.#run(run, round)
    results.unshift(...outcomes.map(({ part }) => part))
    return { results, waits: undecided > 0 && this.#options.approvals }
  }

  /** Settles calls whose process died: again where that is safe, and else the model is told. */
  async settleOpen(open: readonly OpenCall[], round: CallRound): Promise<Settlement> {
    const run: ToolCall[] = []
    const unknown: ToolCall[] = []
    const refused: ToolCall[] = []
    let waits = false
    for (const given of open) {
      const call = await this.#openCall(given, round.tools)
      const handling = given.approved ? 'run' : await this.#handlingOf(call, round)
      if (handling === 'client' || handling === 'ask') {
        waits = true
        if (handling === 'ask' && !given.asked) await this.#request(call)
      } else if (handling === 'refuse') refused.push(call)
      else if (call.refusal === undefined && call.tool?.retry === 'never') unknown.push(call)
      else run.push(call)
    }
    const outcomes = [
      ...(await this.#run(run, round)),
      ...(await this.#refuse(unknown, unknownOutcome)),
      ...(await this.#refuse(refused)),
    ]
    return { results: outcomes.map(({ part }) => part), waits }
  }

  /** Checked again: the tool may be another one by now. */
  async #openCall(given: OpenCall, tools: ToolTable): Promise<ToolCall> {
    const { toolCallId, toolName, input, dynamic } = given
    const tool = tools.get(toolName)
    const call = { toolCallId, toolName, input, tool, dynamic }
    const checked = await tool?.check(input)
    const refusal =
      checked === undefined ? undefined : 'refusal' in checked ? checked.refusal : undefined
    if (refusal !== undefined) {
      await this.#options.emit({ type: 'tool-output-error', errorText: refusal, ...ofCall(call) })
    }
    const checkedInput = checked !== undefined && 'input' in checked ? checked.input : input
    return { ...call, checkedInput, refusal }
  }

  async #handlingOf(call: ToolCall, { messages }: CallRound): Promise<Handling> {
    if (call.refusal !== undefined) return 'run'
    // The client does the work, so it can ask its human by itself.
    if (call.tool?.execute === undefined) return this.#options.clientTools ? 'client' : 'refuse'
    if (!(await this.#needsApproval(call, messages))) return 'run'
    return this.#options.approvals ? 'ask' : 'refuse'
  }

  async #needsApproval(call: ToolCall, messages: ModelMessage[]): Promise<boolean> {
    const { toolCallId, checkedInput, tool } = call
    const { context, signal } = this.#options
    const rule = () => tool?.needsApproval(checkedInput, { toolCallId, messages, context }) ?? false
    try {
      return await untilAborted(signal, rule)
    } catch {
      // A rule that fails must not let the call through.
      return true
    }
  }

  async #ask(reply: StepReader, call: ToolCall): Promise<void> {
    const { toolCallId } = call
    const approvalId = await this.#request(call)
    reply.content.push({ type: 'tool-approval-request', approvalId, toolCallId })
  }

  async #request(call: ToolCall): Promise<string> {
    const { toolCallId } = call
    const approvalId = approvalIdOf(call, this.#options.approvalSecret)
    await this.#options.emit({ type: 'tool-approval-request', approvalId, toolCallId })
    return approvalId
  }

  /** @param reason by default, that nobody can be asked */
  async #refuse(calls: readonly ToolCall[], reason?: string): Promise<ToolOutcome[]> {
    const outcomes: ToolOutcome[] = []
    for (const call of calls) {
      const errorText = reason ?? (call.tool?.execute === undefined ? noClient : nobodyToAsk)
      await this.#options.emit({ type: 'tool-output-error', errorText, ...ofCall(call) })
      outcomes.push(failed(call, errorText))
    }
    return outcomes
  }

  async #deny(call: ToolCall, reason: string | undefined): Promise<ToolResultPart> {
    await this.#options.emit({ type: 'tool-output-denied', ...ofCall(call) })
    return resultPart(call, { type: 'execution-denied', ...(reason !== undefined && { reason }) })
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
    const call = { toolCallId, toolName, input, tool, dynamic }
    if (!decision.approved) return { ...call, checkedInput: input, refusal: undefined }
    const checked = await this.#checkDecision(decision, tools)
    if ('input' in checked) return { ...call, checkedInput: checked.input, refusal: undefined }
    const { refusal } = checked
    await this.#options.emit({ type: 'tool-output-error', errorText: refusal, ...ofCall(call) })
    return { ...call, checkedInput: input, refusal }
  }

  async #checkDecision(
    decision: DecidedCall,
    tools: ToolTable,
  ): Promise<{ input: unknown } | { refusal: string }> {
    const { approvalSecret, signal } = this.#options
    const tool = tools.get(decision.toolName)
    if (tool === undefined) return { refusal: `There is no tool "${decision.toolName}".` }
    const { trustApprovals } = this.#options
    if (!trustApprovals && !isApprovalOf(decision.approvalId, decision, approvalSecret)) {
      return { refusal: 'This approval is not for this call, or another process asked for it.' }
    }
    try {
      return await untilAborted(signal, () => tool.check(decision.input))
    } catch (error) {
      return { refusal: errorMessage(error) }
    }
  }
}
