/**
 * The events of one part of a message as a response of OpenAI's Responses API. A part ends with `finish`. Its answer to
 * the results of calls is the next part, and the next response. Everything here depends on the log only, so each instance
 * makes the same events in the same order.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import { type CallInput, FunctionCalls } from './response-calls.ts'
import { itemPrefixes, type NumberedType, type OutputItem } from './response-items.ts'
import { type ResponseSink, TextItem, type TextKind } from './response-text-item.ts'
import { responseUsage, type ResponseUsage } from './response-usage.ts'

export interface ResponseFoldOptions {
  /** The end of the id of the response. The ids of the items contain it. */
  key: string
  /** The number of the part in its message. The first one is 0. */
  part: number
  /** Whether the answer has a schema. The response then has the checked value in place of the texts of the model. */
  isStructured: boolean
  /** The name of the agent, which runs the calls of its own tools. */
  agent: string
}

/** The end of a response. */
export interface ResponseEnd {
  status: 'completed' | 'incomplete' | 'failed' | 'cancelled'
  incompleteReason: 'max_output_tokens' | 'content_filter' | undefined
  failure: { code: string | undefined; message: string } | undefined
  usage: ResponseUsage | undefined
}

/** The result of a call, which the client sent with the request of the response. */
export interface ResponseAnswer {
  callId: string
  output: string
}

const noSink: ResponseSink = { event: () => {}, delta: () => {} }

interface Entry {
  step: number
  item: () => OutputItem
}

export class ResponseFold {
  /** The results of the client with which the part begins. */
  readonly answers: ResponseAnswer[] = []
  /** Undefined while the part has not ended. */
  end: ResponseEnd | undefined
  /** Whether the log has the beginning of the part. */
  hasBegun = false
  readonly #options: ResponseFoldOptions
  readonly #sink: ResponseSink
  readonly #texts = new Map<string, TextItem | TextKind>()
  readonly #calls = new FunctionCalls()
  #entries: Entry[] = []
  #part = 0
  #step = 0
  #opened = 0
  #failure: ResponseEnd['failure']
  #isAborted = false
  #before: unknown

  constructor(options: ResponseFoldOptions, sink: ResponseSink = noSink) {
    this.#options = options
    this.#sink = sink
  }

  /** The items so far. Those of a withdrawn step are not among them. */
  get items(): OutputItem[] {
    return this.#entries.map(({ item }) => item())
  }

  add(event: AgentEvent): void {
    if (this.end !== undefined) return
    if (this.#part < this.#options.part) return this.#addEarlier(event)
    switch (event.type) {
      case 'text-delta':
      case 'reasoning-delta':
        return this.#addDelta(event)
      case 'text-start':
        if (!this.#options.isStructured) this.#texts.set(event.id, 'message')
        return
      case 'reasoning-start':
        this.#texts.set(event.id, 'reasoning')
        return
      case 'text-end':
      case 'reasoning-end':
        return this.#endText(event.id, 'completed')
      case 'start':
        if (!this.hasBegun) this.#sink.event('response.in_progress', { response: undefined })
        this.hasBegun = true
        return
      case 'start-step':
        this.#step++
        return
      case 'finish-step':
        return this.#endTexts('completed')
      case 'reset-step':
        return this.#reset()
      case 'data-output':
        if (this.#options.isStructured) this.#addWhole(JSON.stringify(event.data))
        return
      case 'error':
        this.#failure = { code: event.code, message: event.errorText }
        return
      case 'abort':
        this.#isAborted = true
        return
      case 'finish':
        return this.#finish(event)
      default:
        this.#addCall(event)
    }
  }

  /** Notes what the later parts need of a part before this one. */
  #addEarlier(event: AgentEvent): void {
    if (event.type === 'start-step') this.#step++
    if (event.type !== 'finish') return void this.#calls.add(event)
    this.#part++
    this.#before = event.messageMetadata ?? this.#before
    this.#calls.beginPart()
  }

  #addDelta({ id, delta }: EventOf<'text-delta' | 'reasoning-delta'>): void {
    const text = this.#texts.get(id)
    if (text === undefined || delta === '') return
    if (typeof text !== 'string') return text.add(delta)
    const opened = this.#openText(text)
    this.#texts.set(id, opened)
    opened.add(delta)
  }

  #openText(kind: TextKind): TextItem {
    const { index, id } = this.#place(kind)
    const text = new TextItem(kind, { id, index }, this.#sink)
    this.#entries.push({ step: this.#step, item: () => text.item })
    return text
  }

  #place(type: NumberedType): { index: number; id: string } {
    const index = this.#opened++
    return { index, id: `${itemPrefixes[type]}_${this.#options.key}_${index}` }
  }

  #endText(id: string, status: 'completed' | 'incomplete'): void {
    const text = this.#texts.get(id)
    this.#texts.delete(id)
    if (text instanceof TextItem) text.end(status)
  }

  #endTexts(status: 'completed' | 'incomplete'): void {
    for (const id of this.#texts.keys()) this.#endText(id, status)
  }

  #addWhole(text: string): void {
    const item = this.#openText('message')
    item.add(text)
    item.end('completed')
  }

  /** The client has the items of the step. They end here, and the response at the end does not have them. */
  #reset(): void {
    this.#endTexts('incomplete')
    this.#entries = this.#entries.filter(({ step }) => step !== this.#step)
    this.#calls.reset()
  }

  #addCall(event: AgentEvent): void {
    const outcome = this.#calls.add(event)
    if (outcome === undefined) return
    if (outcome.of === 'client') this.answers.push(outcome)
    else this.#addRun(outcome)
  }

  #addRun({ call, output, errorText }: { call: CallInput; output?: string; errorText?: string }) {
    const { index, id } = this.#place('mcp_call')
    const common = {
      id,
      type: 'mcp_call' as const,
      server_label: this.#options.agent,
      name: call.name,
      approval_request_id: call.approvalId ?? null,
    }
    const open = { ...common, status: 'in_progress', arguments: '', output: null, error: null }
    const at = { item_id: id, output_index: index }
    const isFailed = errorText !== undefined
    const item: OutputItem = {
      ...common,
      arguments: call.arguments,
      status: isFailed ? 'failed' : 'completed',
      output: output ?? null,
      error: isFailed
        ? { type: 'mcp_tool_execution_error', content: [{ type: 'text', text: errorText }] }
        : null,
    }
    this.#entries.push({ step: this.#step, item: () => item })
    this.#sink.event('response.output_item.added', { output_index: index, item: open })
    this.#sink.event('response.mcp_call.in_progress', at)
    this.#sink.event('response.mcp_call_arguments.delta', { ...at, delta: call.arguments })
    this.#sink.event('response.mcp_call_arguments.done', { ...at, arguments: call.arguments })
    this.#sink.event(`response.mcp_call.${isFailed ? 'failed' : 'completed'}`, at)
    this.#sink.event('response.output_item.done', { output_index: index, item })
  }

  #finish({ finishReason, messageMetadata }: EventOf<'finish'>): void {
    this.#endTexts('completed')
    if (this.#failure === undefined && !this.#isAborted) {
      for (const call of this.#calls.open) this.#addOpen(call)
    }
    this.end = {
      ...this.#outcome(finishReason, messageMetadata),
      failure: this.#failure,
      usage: responseUsage(messageMetadata, this.#before),
    }
    const { status } = this.end
    const name = status === 'cancelled' ? 'incomplete' : status
    this.#sink.event(`response.${name}`, { response: undefined })
  }

  #outcome(
    reason: EventOf<'finish'>['finishReason'],
    metadata: unknown,
  ): Pick<ResponseEnd, 'status' | 'incompleteReason'> {
    const incompleteReason = incompleteReasonOf(reason, metadata)
    if (this.#failure !== undefined) return { status: 'failed', incompleteReason: undefined }
    if (this.#isAborted) return { status: 'cancelled', incompleteReason: undefined }
    const status = incompleteReason === undefined ? 'completed' : 'incomplete'
    return { status, incompleteReason }
  }

  /** A call that waits: for its result from the client, or for the decision of a human. */
  #addOpen(call: CallInput): void {
    if (call.approvalId !== undefined) {
      const index = this.#opened++
      const item: OutputItem = {
        // The client names the request by this id.
        id: call.approvalId,
        type: 'mcp_approval_request',
        server_label: this.#options.agent,
        name: call.name,
        arguments: call.arguments,
      }
      this.#entries.push({ step: this.#step, item: () => item })
      this.#sink.event('response.output_item.added', { output_index: index, item })
      return this.#sink.event('response.output_item.done', { output_index: index, item })
    }
    const { index, id } = this.#place('function_call')
    const common = { id, type: 'function_call' as const, call_id: call.id, name: call.name }
    const item: OutputItem = { ...common, status: 'completed', arguments: call.arguments }
    const open: OutputItem = { ...common, status: 'in_progress', arguments: '' }
    const at = { item_id: id, output_index: index }
    this.#entries.push({ step: this.#step, item: () => item })
    this.#sink.event('response.output_item.added', { output_index: index, item: open })
    const { arguments: text } = call
    this.#sink.event('response.function_call_arguments.delta', { ...at, delta: text })
    const done = { ...at, name: call.name, arguments: text }
    this.#sink.event('response.function_call_arguments.done', done)
    this.#sink.event('response.output_item.done', { output_index: index, item })
  }
}

/** A budget that is used up cuts an answer off as a limit of tokens does. */
const budgetOutcomes: ReadonlySet<unknown> = new Set(['max-tokens', 'max-cost'])

function incompleteReasonOf(
  reason: EventOf<'finish'>['finishReason'],
  metadata: unknown,
): ResponseEnd['incompleteReason'] {
  if (reason === 'content-filter') return 'content_filter'
  const outcome =
    typeof metadata === 'object' && metadata !== null && 'outcome' in metadata && metadata.outcome
  return reason === 'length' || budgetOutcomes.has(outcome) ? 'max_output_tokens' : undefined
}
