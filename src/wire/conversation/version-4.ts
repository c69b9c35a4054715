/**
 * Messages of AI SDK 4, what ai 5 and 6 spell differently, and messages written by hand, as UI messages
 * of ai 7. It only moves fields: whether the outcome is a message at all is checked afterwards, so
 * nothing here refuses.
 */
import { randomUUID } from 'node:crypto'

import { isFields } from '../../ground/fields.ts'
import type { Fields } from '../../ground/fields.ts'

/** A modern message is given back as it is, with an id if it had none. */
export function modernMessage(message: unknown): unknown {
  if (!isFields(message)) return message
  const { id = randomUUID(), content, parts, experimental_attachments: attachments } = message
  const own = Array.isArray(parts) ? parts.flatMap(modernPart) : parts
  const said = own ?? contentParts(content)
  if (!Array.isArray(attachments) || !Array.isArray(said)) return { ...message, id, parts: said }
  return { ...message, id, parts: [...said, ...attachments.map(attachmentPart)] }
}

/** A text, or the content of a model message. */
function contentParts(content: unknown): unknown[] | undefined {
  if (typeof content === 'string') return textParts(content)
  return Array.isArray(content) ? content.map(contentPart) : undefined
}

/** An assistant message with empty content is one that failed before its first token. */
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
      // Nothing that a model is shown.
      return []
    case 'file':
      return 'url' in part ? [part] : [filePart(part)]
    default:
      return [settledPart(part['state'] === 'output-error' ? failedPart(part) : part)]
  }
}

/**
 * The AI SDK's reader keeps the question of a call that ended unanswered (a new message came, or a stop),
 * and its schema refuses the message then: a result has an approval that was given, or none.
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
 * An input that was refused is `rawInput` in ai 5 and 6. Where it was no object the model's own history
 * has an empty one (`src/runner/tool-inputs.ts`): providers refuse anything else.
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
