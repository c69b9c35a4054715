/**
 * Orders messages so that each of Loom's calls has exactly one result, in a tool message directly after
 * the assistant message with the call. Results are matched in their order, so an id that a provider
 * uses again in a later step means the later call. Provider-executed calls need none of this: their
 * results are in the assistant's own messages, possibly some steps later.
 */
import type {
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'
import type { ToolApprovalRequest, ToolApprovalResponse } from 'ai'

import { mergeObjects } from '../../ground/merge.ts'

type AssistantMessage = Extract<LanguageModelV4Message, { role: 'assistant' }>
type ToolMessage = Extract<LanguageModelV4Message, { role: 'tool' }>
type Options = { providerOptions: SharedV4ProviderOptions } | undefined

interface OpenCall {
  toolCallId: string
  toolName: string
  /** The tool message directly after the message with the call. */
  results: ToolMessage
  /** Set if a human denied the call. */
  denial: { reason: string | undefined } | undefined
}

export class CallPairing {
  readonly #prompt: LanguageModelV4Prompt = []
  readonly #open = new Map<string, OpenCall>()
  readonly #providerCalls = new Set<string>()
  /** The id of the call, by the id of its approval. */
  readonly #approvals = new Map<string, string>()

  add(message: LanguageModelV4Message): void {
    this.#prompt.push(message)
  }

  addAssistant(parts: AssistantMessage['content'], options: Options): void {
    const results: ToolMessage = { role: 'tool', content: [] }
    const content: AssistantMessage['content'] = []
    const misplaced: LanguageModelV4ToolResultPart[] = []
    const calls: OpenCall[] = []
    for (const part of parts) {
      if (part.type === 'tool-result' && !this.#providerCalls.has(part.toolCallId)) {
        misplaced.push(part)
        continue
      }
      content.push(part)
      if (part.type !== 'tool-call') continue
      const { toolCallId, toolName } = part
      if (part.providerExecuted === true) this.#providerCalls.add(toolCallId)
      else calls.push({ toolCallId, toolName, results, denial: undefined })
    }
    // Providers refuse a message with reasoning alone.
    const hasContent = content.some(({ type }) => type !== 'reasoning')
    if (hasContent) this.add({ role: 'assistant', content, ...options })
    if (calls.length > 0) this.add(results)
    for (const call of calls) this.#openCall(call)
    this.addResults(misplaced, undefined)
  }

  noteApproval({ approvalId, toolCallId }: ToolApprovalRequest): void {
    this.#approvals.set(approvalId, toolCallId)
  }

  addResults(
    parts: readonly (LanguageModelV4ToolResultPart | ToolApprovalResponse)[],
    options: Options,
  ): void {
    let last: ToolMessage | undefined
    for (const part of parts) {
      last = (part.type === 'tool-result' ? this.#settle(part) : this.#decide(part)) ?? last
    }
    if (last !== undefined && options !== undefined) last.providerOptions = options.providerOptions
  }

  /** Adds results for the open calls and returns the prompt. */
  close(): LanguageModelV4Prompt {
    for (const call of this.#open.values()) this.#answerFor(call)
    this.#open.clear()
    return this.#prompt
  }

  #openCall(call: OpenCall): void {
    const former = this.#open.get(call.toolCallId)
    if (former !== undefined) this.#answerFor(former)
    // Deleted first, so that the map keeps the order of the calls.
    this.#open.delete(call.toolCallId)
    this.#open.set(call.toolCallId, call)
  }

  /** Returns the message that received the result, or `undefined` if no call waits for it. */
  #settle(part: LanguageModelV4ToolResultPart): ToolMessage | undefined {
    const call = this.#open.get(part.toolCallId)
    if (call === undefined) {
      return this.#providerCalls.has(part.toolCallId) ? append(this.#tail(), part) : undefined
    }
    this.#open.delete(part.toolCallId)
    return append(call.results, part)
  }

  /** A provider receives decisions on its own calls. For Loom's calls, only the outcome counts. */
  #decide(response: ToolApprovalResponse): ToolMessage | undefined {
    const { approvalId, approved, reason, providerExecuted } = response
    if (providerExecuted === true) {
      const { type } = response
      return append(this.#tail(), { type, approvalId, approved, ...(reason != null && { reason }) })
    }
    const call = this.#open.get(this.#approvals.get(approvalId) ?? '')
    if (call !== undefined && !approved) call.denial = { reason }
    return undefined
  }

  #answerFor({ toolCallId, toolName, results, denial }: OpenCall): void {
    append(results, {
      type: 'tool-result',
      toolCallId,
      toolName,
      output:
        denial === undefined
          ? { type: 'error-text', value: 'No result: the call was not answered.' }
          : {
              type: 'execution-denied',
              ...(denial.reason != null && { reason: denial.reason }),
            },
    })
  }

  #tail(): ToolMessage {
    const last = this.#prompt.at(-1)
    if (last?.role === 'tool') return last
    const added: ToolMessage = { role: 'tool', content: [] }
    this.add(added)
    return added
  }
}

/**
 * Options of a whole message (for example a cache breakpoint) refer to its end. If a part is added after
 * it, the options move to the part that was last.
 */
function append(message: ToolMessage, part: ToolMessage['content'][number]): ToolMessage {
  const { providerOptions } = message
  const last = message.content.at(-1)
  if (providerOptions !== undefined && last !== undefined) {
    last.providerOptions = mergeProviderOptions(providerOptions, last.providerOptions)
    delete message.providerOptions
  }
  message.content.push(part)
  return message
}

function mergeProviderOptions(
  base: SharedV4ProviderOptions,
  over: SharedV4ProviderOptions = {},
): SharedV4ProviderOptions {
  const merged = new Map(Object.entries(base))
  for (const [provider, options] of Object.entries(over)) {
    merged.set(provider, mergeObjects(merged.get(provider) ?? {}, options))
  }
  return Object.fromEntries(merged)
}
