/**
 * Converts messages of AI SDK 4, older fields of ai 5 and 6, and messages written by hand to UI
 * messages of ai 7. It only moves fields. A later check refuses an invalid message, so nothing here
 * does.
 */
import { randomUUID } from 'node:crypto'

import { isFields } from '../../ground/fields.ts'
import type { Fields } from '../../ground/fields.ts'

/** Converts a message. A message of ai 7 stays the same, and gets an id if it has none. */
export function modernMessage(message: unknown): unknown {
  if (!isFields(message)) return message
  const { id = randomUUID(), content, parts, experimental_attachments: attachments } = message
  const own = Array.isArray(parts) ? parts.flatMap(modernPart) : parts
  const allParts = own ?? contentParts(content)
  if (!Array.isArray(attachments) || !Array.isArray(allParts))
    return { ...message, id, parts: allParts }
  return { ...message, id, parts: [...allParts, ...attachments.map(attachmentPart)] }
}

/** Converts a text, or the content of a model message, to parts. */
function contentParts(content: unknown): unknown[] | undefined {
  if (typeof content === 'string') return textParts(content)
  return Array.isArray(content) ? content.map(contentPart) : undefined
}

/** An assistant message with empty content failed before its first token. */
const textParts = (text: string) => (text === '' ? [] : [{ type: 'text', text }])

function contentPart(part: unknown): unknown {
  if (!isFields(part) || (part['type'] !== 'image' && part['type'] !== 'file')) return part
  const { image, data = image, mediaType = 'image/*', filename } = part
  const isAddress = typeof data === 'string' && /^(?:https?|data):/.test(data)
  const url = isAddress ? data : `data:${String(mediaType)};base64,${String(data)}`
  return { type: 'file', url, mediaType, ...(filename !== undefined && { filename }) }
}

function attachmentPart(attachment: unknown): unknown {
  if (!isFields(attachment)) return attachment
  const { url, contentType: mediaType, name: filename } = attachment
  return { type: 'file', url, mediaType, ...(filename !== undefined && { filename }) }
}

function modernPart(part: unknown): unknown[] {
  if (!isFields(part)) return [part]
  switch (part['type']) {
    case 'tool-invocation':
      return isFields(part['toolInvocation']) ? [toolPart(part['toolInvocation'])] : [part]
    case 'reasoning':
      return 'text' in part ? [part] : [{ type: 'reasoning', text: part['reasoning'] }]
    case 'source':
      // A model receives nothing of these parts.
      return []
    case 'file':
      return 'url' in part ? [part] : [filePart(part)]
    default:
      return [settledPart(part['state'] === 'output-error' ? failedPart(part) : part)]
  }
}

/**
 * Removes the open question from a call that ended without an answer (after a new message, or a
 * stop). The AI SDK's reader keeps it, and its schema then refuses the message: a result has a
 * granted approval, or none.
 */
function settledPart(part: Fields): Fields {
  const { state, approval, ...rest } = part
  if (!isFields(approval)) return part
  switch (state) {
    case 'output-error':
    case 'output-available':
      return approval['approved'] === true ? part : { ...rest, state }
    case 'output-denied':
      return approval['approved'] === false
        ? part
        : { ...part, approval: { ...approval, approved: false } }
    default:
      return part
  }
}

/**
 * Converts a refused input, which is `rawInput` in ai 5 and 6. If it is not an object, the model's
 * own history has an empty object (`src/runner/tool-inputs.ts`), because providers refuse any other
 * value.
 */
function failedPart({ rawInput, ...part }: Fields): Fields {
  const input = part['input'] ?? rawInput
  return { ...part, input: typeof input === 'object' && input !== null ? input : {} }
}

function toolPart({ toolName, toolCallId, state, args, result }: Fields): unknown {
  const call = { type: `tool-${String(toolName)}`, toolCallId, input: args }
  return state === 'result'
    ? { ...call, state: 'output-available', output: result }
    : { ...call, state: state === 'call' ? 'input-available' : 'input-streaming' }
}

function filePart({ mimeType, data }: Fields): unknown {
  return {
    type: 'file',
    mediaType: mimeType,
    url: `data:${String(mimeType)};base64,${String(data)}`,
  }
}
