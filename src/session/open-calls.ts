/** The calls of a message without an outcome, and the events that give them one. */
import type { AgentEvent } from '../event.ts'
import type { FoldedMessage, FoldedPart } from '../message-fold.ts'

/** The error texts for each kind of open call. The model and people read them. */
export interface OpenCallTexts {
  /** For a call with an input and without an approval: it waits for an output of the client, or runs. */
  output: string
  /** For a call that waits for the decision of a human. */
  decision: string
  /** For a call that may have run: it was approved, or has preliminary output. */
  execution: string
}

export const inputCutOff = 'The tool call was cut off.'

/**
 * Returns events that settle every call without an outcome. A message must not be stored as finished
 * before that. Otherwise pages show such a call as running for ever, and the model sees another outcome.
 */
export function closingEvents(message: FoldedMessage, texts: OpenCallTexts): AgentEvent[] {
  return message.parts.flatMap((part) => closingEvent(part, texts) ?? [])
}

/** Returns the calls that the provider runs itself and that have no outcome yet. */
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
  const provider = part['providerExecuted'] === true && { providerExecuted: true }
  const call = { toolCallId, ...dynamic }
  const failure = (errorText: string): AgentEvent => ({
    type: 'tool-output-error',
    errorText,
    ...call,
    ...provider,
  })
  switch (state) {
    case 'input-streaming': {
      const errorText = inputCutOff
      const toolName = toolNameOf(part)
      return { type: 'tool-input-error', toolName, input: null, errorText, ...call, ...provider }
    }
    case 'input-available':
      return failure(texts.output)
    case 'approval-requested':
      return failure(texts.decision)
    case 'approval-responded':
      return isApproved(part) ? failure(texts.execution) : { type: 'tool-output-denied', ...call }
    case 'output-available':
      return part['preliminary'] === true ? failure(texts.execution) : undefined
    default:
      return undefined
  }
}

export const toolNameOf = ({ type, toolName }: FoldedPart): string =>
  type === 'dynamic-tool' ? String(toolName) : type.slice('tool-'.length)

function isApproved({ approval }: FoldedPart): boolean {
  return (
    typeof approval === 'object' &&
    approval !== null &&
    'approved' in approval &&
    approval.approved === true
  )
}
