/**
 * The messages of a chat completion as UI messages. The API has a message for each reply and for each tool result; a UI
 * message has all steps of an answer.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import type { Answer } from '../../src/store/letter.ts'
import { userParts } from './completion-content.ts'

export interface CompletionConversation {
  /** The texts of the system and developer messages. Undefined if there are none. */
  instructions: string | undefined
  /** The messages before the new part. */
  history: UIMessage[]
  /** The new part: the user messages after the last answer, or the results of the calls of the last answer. */
  next: { kind: 'message'; messages: UIMessage[] } | { kind: 'results'; results: Answer[] }
}

interface Call {
  type: 'dynamic-tool'
  toolName: string
  toolCallId: string
  state: 'input-available' | 'output-available'
  input: unknown
  output?: unknown
}
type Part = UIMessage['parts'][number]

/** @throws LoomError `invalid-request` that names the message */
export function readMessages(messages: unknown): CompletionConversation {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new LoomError('invalid-request', 'messages must be a list of at least one message.')
  }
  const reader = new ConversationReader()
  messages.forEach((message: unknown, index) => reader.add(message, `messages[${index}]`))
  return reader.end()
}

class ConversationReader {
  readonly #instructions: string[] = []
  readonly #messages: { role: 'user' | 'assistant'; parts: (Part | Call)[] }[] = []
  /** The calls of the last reply that have no result yet. */
  #calls = new Map<string, Call>()
  /** The results since the last reply. */
  #results: Answer[] = []

  add(message: unknown, name: string): void {
    const role = fieldOf(message, 'role')
    switch (role) {
      case 'system':
      case 'developer':
        this.#instructions.push(textOf(message, name))
        return
      case 'user':
        this.#messages.push({ role, parts: userParts(fieldOf(message, 'content'), name) })
        this.#results = []
        this.#calls = new Map()
        return
      case 'assistant':
        this.#addReply(message, name)
        return
      case 'tool':
        this.#addResult(message, name)
        return
      default:
        throw new LoomError(
          'invalid-request',
          `${name}.role must be one of system, developer, user, assistant, tool.`,
        )
    }
  }

  #addReply(message: unknown, name: string): void {
    const text = fieldOf(message, 'content') === undefined ? '' : textOf(message, name)
    const refusal = textField(message, 'refusal') ?? ''
    const calls = callsOf(fieldOf(message, 'tool_calls'), name)
    this.#calls = new Map(calls.map((call) => [call.toolCallId, call]))
    this.#results = []
    const last = this.#messages.at(-1)
    const step: (Part | Call)[] = [
      { type: 'step-start' },
      ...[text, refusal].flatMap((each) => (each === '' ? [] : [textPart(each)])),
      ...calls,
    ]
    if (last?.role === 'assistant') last.parts.push(...step)
    else this.#messages.push({ role: 'assistant', parts: step })
  }

  #addResult(message: unknown, name: string): void {
    const toolCallId = textField(message, 'tool_call_id') ?? ''
    const output = textOf(message, name)
    const call = this.#calls.get(toolCallId)
    this.#results.push({ type: 'output', toolCallId, output })
    if (call !== undefined) Object.assign(call, { state: 'output-available', output })
    // A client that keeps only the end of a conversation may have cut the call off.
    else if (this.#messages.some(({ role }) => role === 'assistant')) {
      throw new LoomError(
        'invalid-request',
        `${name}.tool_call_id: the assistant message before it has no call with this id.`,
      )
    }
  }

  end(): CompletionConversation {
    const instructions =
      this.#instructions.length === 0 ? undefined : this.#instructions.join('\n\n')
    const messages = this.#messages.map((message, index) => uiMessage(message, index))
    if (this.#results.length > 0) {
      return { instructions, history: messages, next: { kind: 'results', results: this.#results } }
    }
    const start = messages.findLastIndex(({ role }) => role === 'assistant') + 1
    const added = messages.slice(start)
    if (added.length === 0) {
      throw new LoomError(
        'invalid-request',
        'messages must end with a message of the user, or with the results of all tool calls.',
      )
    }
    const history = messages.slice(0, start)
    return { instructions, history, next: { kind: 'message', messages: added } }
  }
}

// The parts are those of UI messages: a call without a result is `input-available`.
function uiMessage(message: object, index: number): UIMessage
function uiMessage(message: object, index: number): unknown {
  return { id: `history-${index}`, ...message }
}

const textPart = (text: string): Part => ({ type: 'text', text })

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

function callsOf(calls: unknown, name: string): Call[] {
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

/** Arguments that are no JSON are what a model wrote. They go back as they are. */
function inputOf(json: string): unknown {
  try {
    return json === '' ? {} : JSON.parse(json)
  } catch {
    return json
  }
}
