/**
 * Decides how each tool call of a reply is settled, and settles it. This process runs the calls that it may
 * run. The client answers calls of its own tools. A human is asked for each call that needs approval.
 * The turn waits for the calls that stay open.
 */
import type { ModelMessage, ToolResultPart } from 'ai'

import { errorMessage } from '../ground/error.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { approvalIdOf, isApprovalOf } from './approval.ts'
import { callbackResult } from './callback-result.ts'
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
import { defaultTimeoutMs, type ToolTable } from './tool-table.ts'

const nobodyToAsk = 'This call needs the approval of a human, and nobody can be asked here.'
const noClient = 'Nobody is there to answer this call: only text is read here.'
const unknownOutcome =
  'The outcome of this call is unknown: the server that made it died. It may have been done; it was not made again.'
const abortedText = 'Aborted before it was done.'

export interface CallSettlerOptions extends Omit<ToolCallsOptions, 'messages' | 'concurrency'> {
  context: unknown
  approvalSecret: string
  /** False if no human can approve calls. */
  approvals: boolean
  /** False when no client runs tools. */
  clientTools: boolean
  /** True if decisions come from the session, which checked them, so that ids need not prove themselves. */
  trustApprovals: boolean
}

export interface Settlement {
  /** The results of the calls, in the order of the calls. */
  results: ToolResultPart[]
  /** Whether a client or a human must act before the turn can go on. */
  waits: boolean
}

/** The parts of a turn's state that can change from step to step. */
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

  /** Settles the calls of a reply, as far as possible. */
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
      resultsOf(outcomes.filter((outcome) => outcome.call === call)),
    )
    const waits = open.length > 0 || reply.waitsForApproval || isParked(outcomes)
    return { results, waits: !aborted && waits }
  }

  /** Runs the calls that a human approved since the last run. Denied calls get a result for the model. */
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
    results.unshift(...resultsOf(outcomes))
    const waits = (undecided > 0 && this.#options.approvals) || isParked(outcomes)
    return { results, waits }
  }

  /** Settles calls whose process died: runs them again if that is safe, else reports to the model. */
  async settleOpen(open: readonly OpenCall[], round: CallRound): Promise<Settlement> {
    const run: ToolCall[] = []
    const unknown: ToolCall[] = []
    const refusals: ToolCall[] = []
    let waits = false
    for (const openCall of open) {
      const call = await this.#openCall(openCall, round.tools)
      const isRun = openCall.approved || openCall.hasBegun === true
      const handling = isRun ? 'run' : await this.#handlingOf(call, round)
      if (handling === 'client' || handling === 'ask') {
        waits = true
        if (handling === 'ask' && !openCall.hasApprovalRequest) await this.#request(call)
      } else if (handling === 'refuse') refusals.push(call)
      else if (call.refusal === undefined && call.tool?.retry === 'never') unknown.push(call)
      else run.push(call)
    }
    const outcomes = [
      ...(await this.#run(run, round)),
      ...(await this.#refuse(unknown, unknownOutcome)),
      ...(await this.#refuse(refusals)),
    ]
    return { results: resultsOf(outcomes), waits: waits || isParked(outcomes) }
  }

  /** Checks the input again: the tool may have changed since. */
  async #openCall(openCall: OpenCall, tools: ToolTable): Promise<ToolCall> {
    const { toolCallId, toolName, input, dynamic, steps } = openCall
    const tool = tools.get(toolName)
    const call = { toolCallId, toolName, input, tool, dynamic, steps }
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
    // The client runs the tool, so it can ask its user itself.
    if (call.tool?.execute === undefined) return this.#options.clientTools ? 'client' : 'refuse'
    if (!(await this.#needsApproval(call, messages))) return 'run'
    return this.#options.approvals ? 'ask' : 'refuse'
  }

  async #needsApproval(call: ToolCall, messages: ModelMessage[]): Promise<boolean> {
    const { toolCallId, checkedInput, tool } = call
    const { context, signal } = this.#options
    const rule = () => tool?.needsApproval(checkedInput, { toolCallId, messages, context }) ?? false
    const limitMs = tool?.timeoutMs ?? defaultTimeoutMs
    try {
      return await callbackResult({ name: 'needsApproval', signal, limitMs }, rule)
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

  /** @param reason the error text. @defaultValue the reason why no human or client can act */
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

  /** The decided call. Its input is checked again, because it came back from the client. */
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

const resultsOf = (outcomes: readonly ToolOutcome[]): ToolResultPart[] =>
  outcomes.flatMap(({ part }) => part ?? [])

/** Whether a call has no outcome, because its task waits. */
const isParked = (outcomes: readonly ToolOutcome[]): boolean =>
  outcomes.some(({ part }) => part === undefined)
