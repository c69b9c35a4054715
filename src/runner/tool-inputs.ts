/**
 * The tool calls of one reply: their inputs as they stream in, checked when they are whole. A call
 * that no tool can take (no such tool, not JSON, against the schema) is told to the client as a whole
 * part that ends in an error, and to the model as the call's result.
 */
import type {
  LanguageModelV4StreamPart,
  LanguageModelV4ToolApprovalRequest,
  LanguageModelV4ToolCall,
  LanguageModelV4ToolResult,
} from '@ai-sdk/provider'

import { errorMessage } from '../error.ts'
import { parseJson } from '../json.ts'
import type { Sink } from '../sink.ts'
import { withMetadata, withOptions } from './content.ts'
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
  toolCallId: string
  toolName: string
  dynamic: boolean
}

interface ParsedInput {
  input: unknown
  checkedInput?: unknown
  refusal?: string
}

export interface ToolInputsOptions {
  emit: Sink
  tools: ToolTable
  claimCallId: (id: string) => string
  /** The reply's content, which calls become part of. */
  content: ContentPart[]
}

export class ToolInputs {
  readonly calls: ToolCall[] = []
  /** Approvals that the provider itself asks for. */
  approvalsAsked = 0

  readonly #options: ToolInputsOptions
  readonly #open = new Map<string, OpenInput>()
  /** Our ids of this reply's calls, by the provider's. */
  readonly #callIds = new Map<string, string>()

  constructor(options: ToolInputsOptions) {
    this.#options = options
  }

  start(
    part: Extract<LanguageModelV4StreamPart, { type: 'tool-input-start' }>,
  ): void | Promise<void> {
    const { id, toolName, providerExecuted } = part
    const toolCallId = this.#claim(id)
    const dynamic = this.#isDynamic(part)
    this.#open.set(id, { toolCallId, toolName, dynamic })
    return this.#options.emit({
      type: 'tool-input-start',
      toolCallId,
      toolName,
      ...this.#flags(toolName, dynamic),
      ...(providerExecuted === true && { providerExecuted }),
    })
  }

  delta(part: { id: string; delta: string }): void | Promise<void> {
    const open = this.#open.get(part.id)
    if (open === undefined || part.delta === '') return undefined
    const { toolCallId } = open
    return this.#options.emit({ type: 'tool-input-delta', toolCallId, inputTextDelta: part.delta })
  }

  async call(part: LanguageModelV4ToolCall): Promise<void> {
    const { toolName, providerExecuted, providerMetadata } = part
    const open = this.#open.get(part.toolCallId)
    this.#open.delete(part.toolCallId)
    const toolCallId = open?.toolCallId ?? this.#claim(part.toolCallId)
    const dynamic = open?.dynamic ?? this.#isDynamic(part)
    const tool = providerExecuted === true ? undefined : this.#options.tools.get(toolName)
    const { input, checkedInput, refusal } = await this.#parse(part, tool)
    const executed = providerExecuted === true && { providerExecuted }

    this.#options.content.push({
      type: 'tool-call',
      toolCallId,
      toolName,
      // Providers take nothing but an object here; the refusal quotes what it really was.
      input: typeof input === 'object' && input !== null ? input : {},
      ...executed,
      ...withOptions(providerMetadata),
    })
    if (providerExecuted !== true) {
      this.calls.push({ toolCallId, toolName, input, checkedInput, dynamic, tool, refusal })
    }
    const flags = {
      ...this.#flags(toolName, dynamic),
      ...executed,
      ...withMetadata(providerMetadata),
    }
    await this.#options.emit(
      refusal === undefined
        ? { type: 'tool-input-available', toolCallId, toolName, input, ...flags }
        : { type: 'tool-input-error', toolCallId, toolName, input, errorText: refusal, ...flags },
    )
  }

  /** What a provider's own tool gave. */
  providerResult(part: LanguageModelV4ToolResult): void | Promise<void> {
    const { toolName, result, preliminary, dynamic, providerMetadata } = part
    const toolCallId = this.#callIds.get(part.toolCallId) ?? part.toolCallId
    const isError = part.isError === true
    const flags = { providerExecuted: true, ...(dynamic === true && { dynamic }) }
    if (preliminary !== true) {
      this.#options.content.push({
        type: 'tool-result',
        toolCallId,
        toolName,
        output: { type: isError ? 'error-json' : 'json', value: result },
        ...withOptions(providerMetadata),
      })
    }
    if (isError) {
      const errorText = errorMessage(result)
      return this.#options.emit({ type: 'tool-output-error', toolCallId, errorText, ...flags })
    }
    return this.#options.emit({
      type: 'tool-output-available',
      toolCallId,
      output: result,
      ...flags,
      ...(preliminary === true && { preliminary }),
    })
  }

  providerApproval(part: LanguageModelV4ToolApprovalRequest): void | Promise<void> {
    const { type, approvalId } = part
    const toolCallId = this.#callIds.get(part.toolCallId) ?? part.toolCallId
    this.approvalsAsked++
    this.#options.content.push({ type, approvalId, toolCallId })
    return this.#options.emit({ type, approvalId, toolCallId })
  }

  /** Ends the inputs that will never be whole. */
  async cutOff(): Promise<void> {
    for (const { toolCallId, toolName, dynamic } of this.#open.values()) {
      await this.#options.emit({
        type: 'tool-input-error',
        toolCallId,
        toolName,
        input: null,
        errorText: 'The tool call was cut off.',
        ...this.#flags(toolName, dynamic),
      })
    }
    this.#open.clear()
  }

  #claim(id: string): string {
    const claimed = this.#options.claimCallId(id)
    this.#callIds.set(id, claimed)
    return claimed
  }

  /** A tool that nobody knows is dynamic: the client has no type for it either. */
  #isDynamic(part: { toolName: string; dynamic?: boolean; providerExecuted?: boolean }): boolean {
    const tool = this.#options.tools.get(part.toolName)
    return part.dynamic ?? (tool === undefined ? part.providerExecuted !== true : tool.dynamic)
  }

  #flags(toolName: string, dynamic: boolean): { dynamic?: true; title?: string } {
    const title = this.#options.tools.get(toolName)?.title
    return { ...(dynamic && { dynamic }), ...(title !== undefined && { title }) }
  }

  async #parse(part: LanguageModelV4ToolCall, tool: ReadyTool | undefined): Promise<ParsedInput> {
    let input: unknown
    try {
      input = part.input.trim() === '' ? {} : parseJson(part.input)
    } catch (error) {
      const text = part.input.slice(0, 2000)
      return {
        input: part.input,
        refusal: `The input is not JSON (${errorMessage(error)}): ${text}`,
      }
    }
    if (part.providerExecuted === true) return { input }
    if (tool === undefined) return { input, refusal: this.#unknownTool(part.toolName) }
    const checked = await tool.check(input)
    if ('input' in checked) return { input, checkedInput: checked.input }
    return { input, refusal: `The input does not fit the tool:\n${checked.refusal}` }
  }

  #unknownTool(toolName: string): string {
    const names = [...this.#options.tools.keys()]
    const offered = names.length === 0 ? 'There are no tools.' : `Tools: ${names.join(', ')}.`
    return `There is no tool "${toolName}". ${offered}`
  }
}
