/** Reads and changes the messages of a chat-completions body. */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'

export function messagesOf({ messages }: JsonRecord): readonly JsonRecord[] {
  return Array.isArray(messages) ? messages.filter(isRecord) : []
}

/** Returns the same body if `change` returns each message unchanged. */
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
