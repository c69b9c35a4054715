/** The input of a response as UI messages. */
import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import {
  ConversationBuilder,
  inputOf,
  type PostedCall,
  type PostedConversation,
} from './conversation-builder.ts'
import { inputParts, textOf } from './response-content.ts'

/** Returns the output item with this id. Undefined if no response of the caller has it. */
export type FindItem = (id: string) => Promise<unknown>

/** @throws LoomError `invalid-request` that names the item */
export async function readInput(
  input: string | readonly unknown[],
  findItem: FindItem,
): Promise<PostedConversation> {
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : input
  const conversation = new ConversationBuilder('input')
  for (const [index, item] of items.entries()) {
    const name = `input[${index}]`
    addItem(conversation, await referredItem(item, name, findItem), name)
  }
  return conversation.end()
}

async function referredItem(item: unknown, name: string, findItem: FindItem): Promise<unknown> {
  if (fieldOf(item, 'type') !== 'item_reference') return item
  const id = textField(item, 'id') ?? ''
  const found = await findItem(id)
  if (found !== undefined) return found
  throw new LoomError('invalid-request', `${name}.id: the server has no item with this id.`)
}

function addItem(conversation: ConversationBuilder, item: unknown, name: string): void {
  const type = fieldOf(item, 'type') ?? 'message'
  switch (type) {
    case 'message':
      return addMessage(conversation, item, name)
    case 'function_call':
      return conversation.addToStep([callIn(item, name)])
    case 'function_call_output':
      return conversation.addResult(
        {
          toolCallId: textField(item, 'call_id') ?? '',
          output: textOf(fieldOf(item, 'output'), `${name}.output`),
        },
        `${name}.call_id`,
      )
    case 'mcp_call':
      return conversation.addToStep([ranCall(item, name)])
    // The agent begins its reasoning anew, and has its own list of tools.
    case 'reasoning':
    case 'mcp_list_tools':
    case 'mcp_approval_request':
      return undefined
    default:
      throw new LoomError(
        'invalid-request',
        `${name}.type: Loom takes message, function_call, function_call_output, reasoning, item_reference, and items of its own.`,
      )
  }
}

function addMessage(conversation: ConversationBuilder, item: unknown, name: string): void {
  const content = fieldOf(item, 'content')
  switch (fieldOf(item, 'role')) {
    case 'system':
    case 'developer':
      return conversation.addInstructions(textOf(content, `${name}.content`))
    case 'user':
      return conversation.addUser(inputParts(content, `${name}.content`))
    case 'assistant': {
      const text = textOf(content, `${name}.content`)
      return conversation.addToStep(text === '' ? [] : [{ type: 'text', text }])
    }
    default:
      throw new LoomError(
        'invalid-request',
        `${name}.role must be one of system, developer, user, assistant.`,
      )
  }
}

function callIn(item: unknown, name: string): PostedCall {
  const toolCallId = textField(item, 'call_id')
  const toolName = textField(item, 'name')
  if (toolCallId === undefined || toolName === undefined) {
    throw new LoomError('invalid-request', `${name} needs call_id and name.`)
  }
  const input = inputOf(textField(item, 'arguments') ?? '')
  return { type: 'dynamic-tool', toolName, toolCallId, state: 'input-available', input }
}

/** A call that the agent has run for an earlier response. */
function ranCall(item: unknown, name: string): PostedCall {
  const toolCallId = textField(item, 'id')
  const toolName = textField(item, 'name')
  if (toolCallId === undefined || toolName === undefined) {
    throw new LoomError('invalid-request', `${name} needs id and name.`)
  }
  const call = {
    type: 'dynamic-tool' as const,
    toolName,
    toolCallId,
    input: inputOf(textField(item, 'arguments') ?? ''),
  }
  const output = textField(item, 'output')
  return output === undefined
    ? { ...call, state: 'output-error', errorText: 'The call failed.' }
    : { ...call, state: 'output-available', output }
}
