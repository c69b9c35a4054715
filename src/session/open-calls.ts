/** The calls of a message that have no outcome, and the events that give them one. */
import type { AgentEvent } from '../event.ts'
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'

/** Why each kind of open call is over. For the model and for people. */
export interface OpenCallTexts {
  /** Its input is there, and it needed no approval: it waits for a client's output, or runs. */
  called: string
  /** It waits for a human's decision. */
  asked: string
  /** It was approved, or yielded preliminary output, so it may have been begun. */
  begun: string
}

const inputCutOff = 'The tool call was cut off.'

/**
 * Events that settle every call without an outcome. A message must not be stored as finished before
 * that: pages would show such a call as running for ever, and a model would be told something else.
 */
export function closingEvents(message: FoldedMessage, texts: OpenCallTexts): AgentEvent[] {
  return message.parts.flatMap((part) => closingEvent(part, texts) ?? [])
}

/** Calls that the provider runs itself and that have no outcome yet. */
export function openProviderCalls({
  parts,
}: FoldedMessage): { toolCallId: string; dynamic: boolean }[] {
  return parts.flatMap(({ type, toolCallId, state, preliminary, providerExecuted }) => {
    if (typeof toolCallId !== 'string' || providerExecuted !== true) return []
    if (state !== 'input-available' && preliminary !== true) return []
    return [{ toolCallId, dynamic: type === 'dynamic-tool' }]
  })
}

function closingEvent(part: FoldedPart, texts: OpenCallTexts): AgentEvent | undefined {
  const { toolCallId, state } = part
  if (typeof toolCallId !== 'string') return undefined
  const dynamic = part.type === 'dynamic-tool' && { dynamic: true }
  const executed = part['providerExecuted'] === true && { providerExecuted: true }
  const call = { toolCallId, ...dynamic }
  const failed = (errorText: string): AgentEvent => ({
    type: 'tool-output-error',
    errorText,
    ...call,
    ...executed,
  })
  switch (state) {
    case 'input-streaming': {
      const errorText = inputCutOff
      const toolName = toolNameOf(part)
      return { type: 'tool-input-error', toolName, input: null, errorText, ...call, ...executed }
    }
    case 'input-available':
      return failed(texts.called)
    case 'approval-requested':
      return failed(texts.asked)
    case 'approval-responded':
      return isApproved(part) ? failed(texts.begun) : { type: 'tool-output-denied', ...call }
    case 'output-available':
      return part['preliminary'] === true ? failed(texts.begun) : undefined
    default:
      return undefined
  }
}

const toolNameOf = ({ type, toolName }: FoldedPart): string =>
  type === 'dynamic-tool' ? String(toolName) : type.slice('tool-'.length)

function isApproved({ approval }: FoldedPart): boolean {
  return (
    typeof approval === 'object' &&
    approval !== null &&
    'approved' in approval &&
    approval.approved === true
  )
}
