/** The messages of a chat completion as UI messages. */
import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import { userParts } from './completion-content.ts'
import {
  ConversationBuilder,
  inputOf,
  type PostedCall,
  type PostedConversation,
} from './conversation-builder.ts'

/** @throws LoomError `invalid-request` that names the message */
export function readMessages(messages: unknown): PostedConversation {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new LoomError('invalid-request', 'messages must be a list of at least one message.')
  }
  const conversation = new ConversationBuilder('messages')
  messages.forEach((message: unknown, index) => addTo(conversation, message, `messages[${index}]`))
  return conversation.end()
}

function addTo(conversation: ConversationBuilder, message: unknown, name: string): void {
  switch (fieldOf(message, 'role')) {
    case 'system':
    case 'developer':
      return conversation.addInstructions(textOf(message, name))
    case 'user':
      return conversation.addUser(userParts(fieldOf(message, 'content'), name))
    case 'assistant':
      return conversation.addStep(replyParts(message, name))
    case 'tool':
      return conversation.addResult(
        { toolCallId: textField(message, 'tool_call_id') ?? '', output: textOf(message, name) },
        `${name}.tool_call_id`,
      )
    default:
      throw new LoomError(
        'invalid-request',
        `${name}.role must be one of system, developer, user, assistant, tool.`,
      )
  }
}

function replyParts(message: unknown, name: string) {
  const text = fieldOf(message, 'content') === undefined ? '' : textOf(message, name)
  const refusal = textField(message, 'refusal') ?? ''
  return [
    ...[text, refusal].flatMap((each) => (each === '' ? [] : [textPart(each)])),
    ...callsOf(fieldOf(message, 'tool_calls'), name),
  ]
}

const textPart = (text: string) => ({ type: 'text' as const, text })

function textOf(message: unknown, name: string): string {
  const content = fieldOf(message, 'content')
  if (content === null || content === undefined) return ''
  if (typeof content === 'string') return content
  if (Array.isArray(content)) {
    return content
      .map((part: unknown, index) => {
        const text = textField(part, 'text') ?? textField(part, 'refusal')
        if (text !== undefined) return text
        throw new LoomError('invalid-request', `${name}.content[${index}] must be a text.`)
      })
      .join('')
  }
  throw new LoomError('invalid-request', `${name}.content must be a text or a list of parts.`)
}

function callsOf(calls: unknown, name: string): PostedCall[] {
  if (calls === undefined || calls === null) return []
  if (!Array.isArray(calls)) {
    throw new LoomError('invalid-request', `${name}.tool_calls must be a list.`)
  }
  return calls.map((call: unknown, index) => {
    const where = `${name}.tool_calls[${index}]`
    const toolCallId = textField(call, 'id')
    const toolName = textField(fieldOf(call, 'function'), 'name')
    if (toolCallId === undefined || toolName === undefined) {
      throw new LoomError('invalid-request', `${where} needs id, and function with a name.`)
    }
    const input = inputOf(textField(fieldOf(call, 'function'), 'arguments') ?? '')
    return { type: 'dynamic-tool', toolName, toolCallId, state: 'input-available', input }
  })
}
