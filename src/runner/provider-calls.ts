/**
 * The provider-executed calls of one reply: web searches, remote MCP servers. Their results arrive in
 * the model's stream, possibly some steps later. A result without a known call is left out, because it
 * would end a client's stream.
 */
import type {
  LanguageModelV4ToolApprovalRequest,
  LanguageModelV4ToolResult,
} from '@ai-sdk/provider'

import { errorMessage } from '../ground/error.ts'
import type { Sink } from '../sink.ts'
import type { CallIds, ProviderCall } from './call-ids.ts'
import { withOptions } from './content.ts'
import type { ContentPart } from './content.ts'

export interface ProviderCallsOptions {
  emit: Sink
  callIds: CallIds
  /** The content of the reply. Results are added to it. */
  content: ContentPart[]
}

export class ProviderCalls {
  /** The count of approvals that the provider itself asks for. */
  approvalCount = 0

  readonly #options: ProviderCallsOptions
  readonly #calls = new Set<ProviderCall>()
  /** Calls whose result came in this reply, by the provider's id. */
  readonly #results = new Map<string, ProviderCall>()

  constructor(options: ProviderCallsOptions) {
    this.#options = options
  }

  add(id: string, call: ProviderCall): void {
    this.#calls.add(call)
    this.#options.callIds.addRunning(id, call)
  }

  result(part: LanguageModelV4ToolResult): void | Promise<void> {
    const { callIds, content, emit } = this.#options
    const call = callIds.running(part.toolCallId)
    if (call === undefined) return undefined
    const { toolCallId } = call
    const { toolName, isError, preliminary, providerMetadata } = part
    const dynamic = call.dynamic ?? part.dynamic ?? false
    const flags = { toolCallId, providerExecuted: true, ...(dynamic && { dynamic }) }
    // The field is required by its type and by clients, but some providers leave it out.
    const output = part.result ?? null
    if (preliminary === true) {
      callIds.addProgress(call)
      return emit({ type: 'tool-output-available', output, preliminary, ...flags })
    }
    callIds.remove(call)
    this.#results.set(part.toolCallId, call)
    content.push({
      type: 'tool-result',
      toolCallId,
      toolName,
      output: { type: isError === true ? 'error-json' : 'json', value: output },
      ...withOptions(providerMetadata),
    })
    return emit(
      isError === true
        ? { type: 'tool-output-error', errorText: errorMessage(output), ...flags }
        : { type: 'tool-output-available', output, ...flags },
    )
  }

  approval(part: LanguageModelV4ToolApprovalRequest): void | Promise<void> {
    const { type, approvalId } = part
    const { callIds, content, emit } = this.#options
    const call = callIds.running(part.toolCallId)
    // A call with a preliminary result already runs. Clients refuse a message in which a call waits for
    // approval and has an output: the conversation could not go on.
    if (call === undefined || callIds.hasProgress(call)) return undefined
    const { toolCallId } = call
    this.approvalCount++
    content.push({ type, approvalId, toolCallId })
    return emit({ type, approvalId, toolCallId })
  }

  /** Removes the calls of this reply, and restores earlier calls that it had answered. */
  withdraw(): void {
    const { callIds } = this.#options
    for (const call of this.#calls) callIds.remove(call)
    for (const [id, call] of this.#results) if (!this.#calls.has(call)) callIds.addRunning(id, call)
    this.#calls.clear()
    this.#results.clear()
  }
}
