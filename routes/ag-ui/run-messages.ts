/** The messages of an AG-UI run, as far as Loom needs them: the session has the history. */
import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import { OmittedValue } from '../../src/wire/conversation/omitted-value.ts'
import type { AgUiMessage } from '../../src/wire/frames/ag-ui/events.ts'

/** A message of the user. */
export interface PostedUserMessage {
  id: string
  content: unknown
  /** The name of the message in error texts. */
  name: string
}

/** The result of a call of the client. */
export interface PostedResult {
  id: string
  toolCallId: string
  /** The text, or the refusal of a content beyond the limits, for a result that is used. */
  content: string | OmittedValue
  /** The text of the failure. Undefined if the tool did not fail. */
  error: string | undefined
}

/** A text of the conversation, or the refusal of one beyond the limits. */
export interface PostedText {
  id: string
  role: 'user' | 'assistant'
  text: string | OmittedValue
}

type SystemMessage = Extract<AgUiMessage, { role: 'system' | 'developer' }>

export interface RunMessages {
  /** The system and developer messages of the client, which the session does not have. */
  kept: readonly SystemMessage[]
  /** All messages of the user. */
  users: readonly PostedUserMessage[]
  /** The messages of the user after the last answer or result. */
  added: readonly PostedUserMessage[]
  /** The results after the last message of the assistant. */
  results: readonly PostedResult[]
  /** The id of the message of each result, by the id of its call. */
  resultIds: ReadonlyMap<string, string>
  /** The ids of the calls, by the id of their message. */
  calls: readonly { messageId: string; ids: readonly string[] }[]
  /** The ids of the reasoning messages. */
  reasoningIds: readonly string[]
  /** Whether a message of the assistant follows one of the user. */
  isAnswered: boolean
  /** The texts of the conversation, for a session that may begin with them. */
  texts: readonly PostedText[]
}

/** @throws LoomError `invalid-request` that names the message */
export function readRunMessages(messages: readonly unknown[]): RunMessages {
  const kept: SystemMessage[] = []
  const users: PostedUserMessage[] = []
  let added: PostedUserMessage[] = []
  let results: PostedResult[] = []
  const resultIds = new Map<string, string>()
  const calls: { messageId: string; ids: readonly string[] }[] = []
  const reasoningIds: string[] = []
  const texts: PostedText[] = []
  let isAnswered = false
  for (const [index, message] of messages.entries()) {
    const name = `messages[${index}]`
    const id = textField(message, 'id')
    if (id === undefined) throw invalid(`${name}.id must be a text.`)
    const role = textField(message, 'role')
    if (role === undefined) throw invalid(`${name}.role must be a text.`)
    const content = fieldOf(message, 'content')
    switch (role) {
      case 'system':
      case 'developer':
        kept.push({ id, role, content: textIn(content, name) })
        break
      case 'user': {
        const user = { id, content, name }
        users.push(user)
        added.push(user)
        texts.push({ id, role, text: textOfParts(content) })
        break
      }
      case 'assistant':
        if (users.length > 0) isAnswered = true
        added = []
        results = []
        calls.push({ messageId: id, ids: callIdsIn(message) })
        texts.push({ id, role, text: textOfParts(content) })
        break
      case 'tool': {
        const result = resultIn(message, { id, content, name })
        results.push(result)
        resultIds.set(result.toolCallId, id)
        added = []
        break
      }
      case 'reasoning':
        reasoningIds.push(id)
        break
      default:
      // A role of a later version of the protocol.
    }
  }
  return { kept, users, added, results, resultIds, calls, reasoningIds, isAnswered, texts }
}

function resultIn(
  message: unknown,
  { id, content, name }: { id: string; content: unknown; name: string },
): PostedResult {
  const toolCallId = textField(message, 'toolCallId')
  if (toolCallId === undefined) throw invalid(`${name}.toolCallId must be a text.`)
  const isRead = typeof content === 'string' || Array.isArray(content)
  if (!isRead && !(content instanceof OmittedValue)) {
    throw invalid(`${name}.content must be a text or a list of parts.`)
  }
  const error = textField(message, 'error')
  return { id, toolCallId, content: textOfParts(content), error }
}

function callIdsIn(message: unknown): string[] {
  const calls = fieldOf(message, 'toolCalls')
  return Array.isArray(calls) ? calls.flatMap((call: unknown) => textField(call, 'id') ?? []) : []
}

function textIn(content: unknown, name: string): string {
  if (content instanceof OmittedValue) throw content.refusal
  if (typeof content === 'string') return content
  throw invalid(`${name}.content must be a text.`)
}

/** The text of a content. Other parts of a list do not count. */
function textOfParts(content: unknown): string | OmittedValue {
  if (typeof content === 'string' || content instanceof OmittedValue) return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: unknown) =>
      fieldOf(part, 'type') === 'text' ? (textField(part, 'text') ?? '') : '',
    )
    .join('')
}

const invalid = (message: string) => new LoomError('invalid-request', message)
