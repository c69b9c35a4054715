/**
 * The tool calls of one reply: their inputs as they stream in, checked when they are whole. A call
 * that no tool can take (no such tool, not JSON, against the schema, cut off) is told to the client
 * as a whole part that ends in an error, and to the model as the call's result.
 */
import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider'

import type { Sink } from '../sink.ts'
import type { CallIds } from './call-ids.ts'
import { withMetadata, withOptions } from './content.ts'
import { parseInput, parseProviderInput } from './parse-input.ts'
import type { ProviderCalls } from './provider-calls.ts'
import type { ContentPart } from './step-reader.ts'
import type { ReadyTool, ToolTable } from './tool-table.ts'

/** A call of the model's that is ours to settle. */
export interface ToolCall {
  toolCallId: string
  toolName: string
  /** As the model gave it: what is shown, stored and sent back. */
  input: unknown
  /** As the tool's schema gave it back (defaults, transforms): what the tool is called with. */
  checkedInput: unknown
  dynamic: boolean
  /** Absent where there is no such tool. */
  tool: ReadyTool | undefined
  /** Why the call was refused before it could run. The client has been told. */
  refusal: string | undefined
}

interface OpenInput {
  /** The provider's id. It may be empty, and two open inputs may share one. */
  id: string
  toolCallId: string
  toolName: string
  dynamic: boolean
  byProvider: boolean
}

const cutOffText = 'The tool call was cut off before its input was whole.'

export interface ToolInputsOptions {
  emit: Sink
  tools: ToolTable
  callIds: CallIds
  providerCalls: ProviderCalls
  /** The reply's content, which calls become part of. */
  content: ContentPart[]
}

export class ToolInputs {
  readonly calls: ToolCall[] = []

  readonly #options: ToolInputsOptions
  readonly #open: OpenInput[] = []
  #closed = false

  constructor(options: ToolInputsOptions) {
    this.#options = options
  }

  start(
    part: Extract<LanguageModelV4StreamPart, { type: 'tool-input-start' }>,
  ): void | Promise<void> {
    const { id, toolName } = part
    const open = { id, toolName, ...this.#identify(id, part) }
    const { toolCallId } = open
    this.#open.push(open)
    return this.#options.emit({
      type: 'tool-input-start',
      toolCallId,
      toolName,
      ...this.#flags(open),
    })
  }

  delta(part: { id: string; delta: string }): void | Promise<void> {
    const open = this.#open.findLast(({ id }) => id === part.id)
    if (open === undefined || part.delta === '') return undefined
    const { toolCallId } = open
    return this.#options.emit({ type: 'tool-input-delta', toolCallId, inputTextDelta: part.delta })
  }

  async call(part: LanguageModelV4ToolCall): Promise<void> {
    const { toolName, providerMetadata } = part
    const { tools, content, providerCalls, emit } = this.#options
    // Where a provider gives one id to several, they are taken to come whole as they started.
    const open = this.#open.find(({ id }) => id === part.toolCallId)
    const { input, checkedInput, refusal } =
      (open?.byProvider ?? part.providerExecuted === true)
        ? parseProviderInput(part.input)
        : await parseInput(part.input, toolName, tools)
    // Nobody waited for the check: the call was cut off.
    if (this.#closed) return

    if (open !== undefined) this.#open.splice(this.#open.indexOf(open), 1)
    const { toolCallId, dynamic, byProvider } = open ?? this.#identify(part.toolCallId, part)
    content.push({
      type: 'tool-call',
      toolCallId,
      toolName,
      // Providers take nothing but an object here; the refusal quotes what it really was.
      input: typeof input === 'object' && input !== null ? input : {},
      ...(byProvider && { providerExecuted: true }),
      ...withOptions(providerMetadata),
    })
    if (byProvider) {
      if (refusal === undefined) providerCalls.began(part.toolCallId, { toolCallId, dynamic })
    } else {
      const tool = tools.get(toolName)
      this.calls.push({ toolCallId, toolName, input, checkedInput, dynamic, tool, refusal })
    }
    const whole = {
      toolCallId,
      toolName,
      input,
      ...this.#flags({ toolName, dynamic, byProvider }),
      ...withMetadata(providerMetadata),
    }
    await emit(
      refusal === undefined
        ? { type: 'tool-input-available', ...whole }
        : { type: 'tool-input-error', errorText: refusal, ...whole },
    )
  }

  /** An input that will never be whole is a call that was refused: the client has seen its start. */
  async close(): Promise<void> {
    this.#closed = true
    for (const open of this.#open.splice(0)) {
      if (!open.byProvider) this.#refuse(open)
      const { toolCallId, toolName } = open
      await this.#options.emit({
        type: 'tool-input-error',
        toolCallId,
        toolName,
        input: {},
        errorText: cutOffText,
        ...this.#flags(open),
      })
    }
  }

  /** Forgets all calls: the client has been told to do the same. */
  withdraw(): void {
    this.#closed = true
    this.#open.length = 0
    this.calls.length = 0
  }

  #refuse({ toolCallId, toolName, dynamic }: OpenInput): void {
    const { tools, content } = this.#options
    const input = {}
    const tool = tools.get(toolName)
    content.push({ type: 'tool-call', toolCallId, toolName, input })
    const refusal = cutOffText
    this.calls.push({ toolCallId, toolName, input, checkedInput: input, dynamic, tool, refusal })
  }

  #identify(id: string, part: { toolName: string; dynamic?: boolean; providerExecuted?: boolean }) {
    const { callIds, tools } = this.#options
    const byProvider = part.providerExecuted === true
    const tool = tools.get(part.toolName)
    return {
      toolCallId: byProvider ? callIds.claimOfProvider(id) : callIds.claim(id),
      // A tool that nobody knows is dynamic: the client has no type for it either.
      dynamic: part.dynamic ?? (tool === undefined ? !byProvider : tool.dynamic),
      byProvider,
    }
  }

  #flags({ toolName, dynamic, byProvider }: Omit<OpenInput, 'id' | 'toolCallId'>) {
    const title = this.#options.tools.get(toolName)?.title
    return {
      ...(dynamic && { dynamic }),
      ...(byProvider && { providerExecuted: true }),
      ...(title !== undefined && { title }),
    }
  }
}
