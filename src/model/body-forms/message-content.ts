/** Forms of a message's content: some servers refuse null, some a list of parts. */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { changeMessages } from './message-list.ts'
import { names } from './refusal.ts'
import type { BodyChange, BodyRule } from './rule.ts'

const nullAsText: BodyChange = {
  key: 'content=""',
  apply: (body) =>
    changeMessages(body, (message) =>
      message['content'] === null ? { ...message, content: '' } : message,
    ),
}

const partsAsText: BodyChange = {
  key: 'content=string',
  apply: (body) => changeMessages(body, joined),
}

export const messageContent: BodyRule = (refusal, body) => {
  const { text } = refusal
  if (!names(refusal, 'content') && !/\bcontent\b/.test(text)) return undefined
  if (!/null|none|string|str\b|sequence|list|array|type|required|missing/i.test(text))
    return undefined
  return [nullAsText, partsAsText].find((change) => change.apply(body) !== body)
}

/** Joins texts only. The form of a file is not decided here. */
function joined(message: JsonRecord): JsonRecord {
  const { content } = message
  if (!Array.isArray(content) || !content.every(isTextPart)) return message
  return { ...message, content: content.map(({ text }) => text).join('\n\n') }
}

const isTextPart = (part: unknown): part is { text: string } =>
  isRecord(part) && part['type'] === 'text' && typeof part['text'] === 'string'
