/** The stored messages of a conversation as updates, for an editor that opens it again. */
import type { SessionUpdate } from '@agentclientprotocol/sdk'
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../../event.ts'
import { fieldsOf, textField } from '../../ground/fields.ts'
import { MessageUpdates } from './updates.ts'

export function* historyUpdates(
  messages: readonly UIMessage[],
  directory: string | undefined,
): Generator<SessionUpdate, void> {
  for (const message of messages) {
    if (message.role === 'user') yield* userUpdates(message)
    else if (message.role === 'assistant') yield* answerUpdates(message, directory)
  }
}

export function* userUpdates({
  id,
  parts,
}: Pick<UIMessage, 'id' | 'parts'>): Generator<SessionUpdate, void> {
  for (const part of parts) {
    const update = { sessionUpdate: 'user_message_chunk' as const, messageId: id }
    if (part.type === 'text') yield { ...update, content: { type: 'text', text: part.text } }
    if (part.type !== 'file') continue
    const { url: uri, mediaType: mimeType, filename } = part
    // The user sent it, so the editor needs only its name.
    const address = uri.startsWith('data:') ? `attachment:${filename ?? mimeType}` : uri
    const name = filename ?? mimeType
    yield { ...update, content: { type: 'resource_link', uri: address, name, mimeType } }
  }
}

function* answerUpdates(
  { id, parts }: UIMessage,
  directory: string | undefined,
): Generator<SessionUpdate, void> {
  const updates = new MessageUpdates(id, directory)
  for (const part of parts) for (const event of eventsOf(part)) yield* updates.of(event)
}

/** The events that a part came from, as far as an editor shows them. */
function eventsOf(part: UIMessage['parts'][number]): AgentEvent[] {
  if (part.type === 'text') return [{ type: 'text-delta', id: '', delta: part.text }]
  if (part.type === 'reasoning') return [{ type: 'reasoning-delta', id: '', delta: part.text }]
  if (part.type === 'file') return [{ type: 'file', url: part.url, mediaType: part.mediaType }]
  if (part.type === 'source-url') {
    const { sourceId, url, title } = part
    return [{ type: 'source-url', sourceId, url, ...(title !== undefined && { title }) }]
  }
  const toolCallId = textField(part, 'toolCallId')
  return toolCallId === undefined ? [] : callEvents(part, toolCallId)
}

function callEvents(part: UIMessage['parts'][number], toolCallId: string): AgentEvent[] {
  const { state, input, output, errorText } = fieldsOf(part)
  const toolName = textField(part, 'toolName') ?? part.type.replace(/^tool-/, '')
  const call: AgentEvent = { type: 'tool-input-available', toolCallId, toolName, input }
  switch (state) {
    case 'output-available':
      return [call, { type: 'tool-output-available', toolCallId, output }]
    case 'output-error':
      return [call, { type: 'tool-output-error', toolCallId, errorText: String(errorText) }]
    case 'output-denied':
      return [call, { type: 'tool-output-denied', toolCallId }]
    default:
      return [call]
  }
}
