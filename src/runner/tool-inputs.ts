/**
 * The tool calls of one reply: their inputs as they stream in, checked when they are complete. If no
 * tool can take a call (no such tool, not JSON, against the schema, cut off), the client receives a
 * complete part that ends in an error, and the model receives the error as the call's result. The file
 * is long because the end of the reply decides about inputs at every stage, so they share one state.
 */
import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider'

import type { AgentEvent, FinishReason, ProviderMetadata, StepRecord } from '../event.ts'
import { isEmptyInput } from '../model/empty-input.ts'
import { isCutOff } from '../model/finish-reason.ts'
import type { Sink } from '../sink.ts'
import type { CallIds } from './call-ids.ts'
import { withMetadata, withOptions } from './content.ts'
import type { ContentPart } from './content.ts'
import { type ParsedInput, parseInput, parseProviderInput } from './parse-input.ts'
import type { ProviderCalls } from './provider-calls.ts'
import type { ReadyTool, ToolTable } from './tool-table.ts'

/** A call of the model that Loom settles. */
export interface ToolCall {
  toolCallId: string
  toolName: string
  /** The model's value, which is shown, stored and sent back. */
  input: unknown
  /** The output of the tool's schema, with defaults and transforms, which the tool receives. */
  checkedInput: unknown
  dynamic: boolean
  /** Undefined if there is no such tool. */
  tool: ReadyTool | undefined
  /** The steps inside it that an earlier process finished. */
  steps?: readonly StepRecord[]
  /** Why the call was refused before it could run. The client has received it. */
  refusal: string | undefined
}

interface OpenInput {
  /** The provider's id. It may be empty, and two open inputs may share one. */
  id: string
  /** The call's part of the reply's content. Its place is the start of the call, as in a client. */
  part: CallPart
  /** The call's place among the calls of the reply. */
  order: number
  toolCallId: string
  toolName: string
  dynamic: boolean
  byProvider: boolean
}

type CallPart = Extract<ContentPart, { type: 'tool-call' }>

/** A call whose input is empty or not JSON. The end of the reply decides whether it was cut off. */
interface UndecidedCall {
  open: OpenInput
  /** The model's text. */
  text: string
  metadata: ProviderMetadata | undefined
}

/** For the model: why its call did not run, by the finish reason of its reply. */
function cutOffText(end: FinishReason | undefined): string {
  if (end === 'length') {
    return 'The reply reached its length limit, so the tool call was cut off before its input was whole. It was not run. Make the call again with a shorter input, or in several calls.'
  }
  if (end === 'content-filter') {
    return 'A content filter cut off the tool call before its input was whole. It was not run.'
  }
  return 'The tool call was cut off before its input was whole.'
}

const isObject = (input: unknown): input is object =>
  typeof input === 'object' && input !== null && !Array.isArray(input)

export interface ToolInputsOptions {
  emit: Sink
  tools: ToolTable
  callIds: CallIds
  providerCalls: ProviderCalls
  /** The content of the reply. Calls are added to it. */
  content: ContentPart[]
}

export class ToolInputs {
  readonly calls: ToolCall[] = []

  readonly #options: ToolInputsOptions
  readonly #orders = new WeakMap<ToolCall, number>()
  readonly #undecided: UndecidedCall[] = []
  #callCount = 0
  readonly #open: OpenInput[] = []
  #closed = false
  /** The finish reason of the reply, if there is one. */
  #endReason: FinishReason | undefined

  constructor(options: ToolInputsOptions) {
    this.#options = options
  }

  start(
    part: Extract<LanguageModelV4StreamPart, { type: 'tool-input-start' }>,
  ): void | Promise<void> {
    const open = this.#begin(part.id, part)
    this.#open.push(open)
    return this.#emitStart(open)
  }

  /** Gives the call its id and its place among the parts of the reply. */
  #begin(
    id: string,
    from: { toolName: string; dynamic?: boolean; providerExecuted?: boolean },
  ): OpenInput {
    const { toolName } = from
    const identity = this.#identify(id, from)
    const { toolCallId, byProvider } = identity
    const part: CallPart = {
      type: 'tool-call',
      toolCallId,
      toolName,
      input: {},
      ...(byProvider && { providerExecuted: true }),
    }
    this.#options.content.push(part)
    return { id, toolName, part, order: this.#callCount++, ...identity }
  }

  #emitStart(open: OpenInput): void | Promise<void> {
    const { toolCallId, toolName } = open
    const flags = this.#flags(open)
    return this.#options.emit({ type: 'tool-input-start', toolCallId, toolName, ...flags })
  }

  delta(part: { id: string; delta: string }): void | Promise<void> {
    const open = this.#open.findLast(({ id }) => id === part.id)
    if (open === undefined || part.delta === '') return undefined
    const { toolCallId } = open
    return this.#options.emit({ type: 'tool-input-delta', toolCallId, inputTextDelta: part.delta })
  }

  async call(part: LanguageModelV4ToolCall): Promise<void> {
    const { toolName, providerMetadata } = part
    const { tools, providerCalls, emit } = this.#options
    // If a provider gives several inputs the same id, the one that started first is assumed to complete first.
    const started = this.#open.find(({ id }) => id === part.toolCallId)
    const open = started ?? this.#begin(part.toolCallId, part)
    // Other parts may arrive while the input is checked.
    if (started === undefined) this.#open.push(open)
    const { byProvider, toolCallId, dynamic } = open
    const parsed = parseProviderInput(part.input)
    const isWhole = parsed.refusal === undefined && !isEmptyInput(part.input)
    const { input, checkedInput, refusal } =
      byProvider || !isWhole ? parsed : await parseInput(part.input, toolName, tools)
    // The reply was closed during the check: the call was cut off.
    if (this.#closed) return

    this.#open.splice(this.#open.indexOf(open), 1)
    // Providers accept only an object here. The refusal quotes the real input.
    open.part.input = isObject(input) ? input : {}
    Object.assign(open.part, withOptions(providerMetadata))
    if (!byProvider && !isWhole) {
      this.#undecided.push({ open, text: part.input, metadata: providerMetadata })
      // A client shows a call at its first event, which must not come after those of later calls.
      if (started === undefined) await this.#emitStart(open)
      return
    }
    if (!byProvider) {
      const tool = tools.get(toolName)
      this.#add({ toolCallId, toolName, input, checkedInput, dynamic, tool, refusal }, open)
    } else if (refusal === undefined) {
      providerCalls.add(part.toolCallId, { toolCallId, dynamic })
    }
    await emit(this.#wholeEvent(open, { input, refusal }, providerMetadata))
  }

  /**
   * Ends the reply. In a reply that was cut off, a call without complete arguments is refused, because
   * missing arguments would count as no arguments.
   */
  async end(reason: FinishReason | undefined): Promise<void> {
    this.#endReason = reason
    const { tools } = this.#options
    // Each call stays undecided until its check is over. The reply can be closed during the check of one
    // call, or while its event is sent. Then `close` settles that call and the ones after it.
    for (;;) {
      const [next] = this.#undecided
      if (next === undefined) return
      const parsed = isCutOff(reason)
        ? this.#unchecked(next)
        : await parseInput(next.text, next.open.toolName, tools)
      if (this.#undecided[0] !== next) return
      this.#undecided.shift()
      await this.#settle(next, parsed)
    }
  }

  /** The input of a call that does not run. It is not checked by a tool's schema. */
  #unchecked({ text }: UndecidedCall): ParsedInput {
    const parsed = parseProviderInput(text)
    const reason = this.#endReason
    return isCutOff(reason) ? { ...parsed, refusal: cutOffText(reason) } : parsed
  }

  #settle(
    { open, metadata }: UndecidedCall,
    { input, checkedInput, refusal }: ParsedInput,
  ): void | Promise<void> {
    const { toolCallId, toolName, dynamic } = open
    const tool = this.#options.tools.get(toolName)
    this.#add({ toolCallId, toolName, input, checkedInput, dynamic, tool, refusal }, open)
    return this.#options.emit(this.#wholeEvent(open, { input, refusal }, metadata))
  }

  #add(call: ToolCall, { order }: OpenInput): void {
    this.#orders.set(call, order)
    const at = this.calls.findIndex((other) => (this.#orders.get(other) ?? 0) > order)
    if (at === -1) this.calls.push(call)
    else this.calls.splice(at, 0, call)
  }

  #wholeEvent(
    open: OpenInput,
    { input, refusal }: { input: unknown; refusal: string | undefined },
    metadata: ProviderMetadata | undefined,
  ): AgentEvent {
    const { toolCallId, toolName } = open
    const whole = { toolCallId, toolName, input, ...this.#flags(open), ...withMetadata(metadata) }
    return refusal === undefined
      ? { type: 'tool-input-available', ...whole }
      : { type: 'tool-input-error', errorText: refusal, ...whole }
  }

  /** Refuses each call with an incomplete input, because the client has received its start. */
  async close(): Promise<void> {
    this.#closed = true
    for (const call of this.#undecided.splice(0)) await this.#settle(call, this.#unchecked(call))
    const errorText = cutOffText(this.#endReason)
    for (const open of this.#open.splice(0)) {
      if (open.byProvider) this.#leaveOut(open)
      else this.#refuse(open, errorText)
      const { toolCallId, toolName } = open
      await this.#options.emit({
        type: 'tool-input-error',
        toolCallId,
        toolName,
        input: {},
        errorText,
        ...this.#flags(open),
      })
    }
  }

  /** Removes all calls. The client was sent `reset-step`. */
  withdraw(): void {
    this.#closed = true
    this.#open.length = 0
    this.#undecided.length = 0
    this.calls.length = 0
  }

  #refuse(open: OpenInput, refusal: string): void {
    const { toolCallId, toolName, dynamic } = open
    const input = {}
    const tool = this.#options.tools.get(toolName)
    this.#add({ toolCallId, toolName, input, checkedInput: input, dynamic, tool, refusal }, open)
  }

  /** Removes a provider's call without a complete input. It has no result, so no prompt may hold it. */
  #leaveOut({ part }: OpenInput): void {
    const { content } = this.#options
    content.splice(content.indexOf(part), 1)
  }

  #identify(id: string, part: { toolName: string; dynamic?: boolean; providerExecuted?: boolean }) {
    const { callIds, tools } = this.#options
    const byProvider = part.providerExecuted === true
    const tool = tools.get(part.toolName)
    return {
      toolCallId: byProvider ? callIds.claimOfProvider(id) : callIds.claim(id),
      // An unknown tool is dynamic, because the client has no type for it either.
      dynamic: part.dynamic ?? (tool === undefined ? !byProvider : tool.dynamic),
      byProvider,
    }
  }

  #flags({ toolName, dynamic, byProvider }: OpenInput) {
    const title = this.#options.tools.get(toolName)?.title
    return {
      ...(dynamic && { dynamic }),
      ...(byProvider && { providerExecuted: true }),
      ...(title !== undefined && { title }),
    }
  }
}
