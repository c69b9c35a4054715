/** The rule by which a page posts the answers to tool calls and approval requests by itself. */

/** The fields of a message that the rule reads. Messages of every version of `ai` have them. */
export interface SentMessage {
  /** The id of the message. */
  id: string
  /** The author: `user`, `assistant` or `system`. */
  role: string
  /** The content. */
  parts: readonly {
    /** The kind of the part, such as `text` or `tool-clock`. */
    type: string
  }[]
}

interface Part {
  type: string
  state?: string
  preliminary?: boolean
  providerExecuted?: boolean
}

/**
 * Whether the last message has an answer to each call of its last step, and the page therefore posts it.
 * This equals `lastAssistantMessageIsCompleteWithToolCalls` or
 * `lastAssistantMessageIsCompleteWithApprovalResponses` of `ai`.
 */
export function isAnswered({ messages }: { messages: readonly SentMessage[] }): boolean {
  const message = messages.at(-1)
  if (message?.role !== 'assistant') return false
  const start = message.parts.findLastIndex(({ type }) => type === 'step-start')
  // The parts are from the AI SDK, which declares these fields.
  const step: readonly Part[] = message.parts.slice(start + 1)
  const calls = step.filter(isCall)
  const own = calls.filter(({ providerExecuted }) => providerExecuted !== true)
  const last = step.findLastIndex((part) => isCall(part) && part.providerExecuted !== true)
  const isWriting = step
    .slice(last + 1)
    .some(({ type, state }) => type === 'text' && state !== 'done')
  const hasDecision = calls.some(({ state }) => state === 'approval-responded')
  return (
    (own.length > 0 && !isWriting && own.every(hasOutput)) ||
    (hasDecision &&
      calls.every(
        (call) =>
          hasOutput(call) || call.state === 'approval-responded' || call.state === 'output-denied',
      ))
  )
}

const isCall = ({ type }: Part) => type.startsWith('tool-') || type === 'dynamic-tool'

const hasOutput = ({ state, preliminary }: Part) =>
  (state === 'output-available' && preliminary !== true) || state === 'output-error'
