/** The messages of a chat-completions body, and a change of each of them. */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'

export function messagesOf({ messages }: JsonRecord): readonly JsonRecord[] {
  return Array.isArray(messages) ? messages.filter(isRecord) : []
}

/** The same body where `change` gives back each message as it was. */
export function changeMessages(
  body: JsonRecord,
  change: (message: JsonRecord) => JsonRecord,
): JsonRecord {
  const messages = messagesOf(body)
  const changed = messages.map(change)
  return changed.every((message, index) => message === messages[index])
    ? body
    : { ...body, messages: changed }
}
