/**
 * The calls of one reply that the provider runs itself: web searches, remote MCP servers. Their
 * results come from the model's stream, and may come some steps later. What belongs to no known call
 * is left out: it would end a client's stream.
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
  /** The reply's content, which results become part of. */
  content: ContentPart[]
}

export class ProviderCalls {
  /** Approvals that the provider itself asks for. */
  approvalsAsked = 0

  readonly #options: ProviderCallsOptions
  readonly #began = new Set<ProviderCall>()
  /** Calls that this reply brought the result of, by the provider's id. */
  readonly #answered = new Map<string, ProviderCall>()

  constructor(options: ProviderCallsOptions) {
    this.#options = options
  }

  began(id: string, call: ProviderCall): void {
    this.#began.add(call)
    this.#options.callIds.began(id, call)
  }

  result(part: LanguageModelV4ToolResult): void | Promise<void> {
    const { callIds, content, emit } = this.#options
    const call = callIds.running(part.toolCallId)
    if (call === undefined) return undefined
    const { toolCallId } = call
    const { toolName, isError, preliminary, providerMetadata } = part
    const dynamic = call.dynamic ?? part.dynamic ?? false
    const flags = { toolCallId, providerExecuted: true, ...(dynamic && { dynamic }) }
    // The type says that there is one; where a provider leaves it out, clients want the field.
    const output = part.result ?? null
    if (preliminary === true) {
      callIds.progressed(call)
      return emit({ type: 'tool-output-available', output, preliminary, ...flags })
    }
    callIds.answered(call)
    this.#answered.set(part.toolCallId, call)
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
    // A call with a preliminary result runs already. Clients refuse a message in which a call waits for
    // approval and has an output: the conversation could not go on.
    if (call === undefined || callIds.hasProgress(call)) return undefined
    const { toolCallId } = call
    this.approvalsAsked++
    content.push({ type, approvalId, toolCallId })
    return emit({ type, approvalId, toolCallId })
  }

  /** Forgets the calls of this reply, and that it answered those of earlier ones. */
  withdraw(): void {
    const { callIds } = this.#options
    for (const call of this.#began) callIds.answered(call)
    for (const [id, call] of this.#answered) if (!this.#began.has(call)) callIds.began(id, call)
    this.#began.clear()
    this.#answered.clear()
  }
}
