/**
 * A posted conversation as UI messages. OpenAI's APIs have a message or an item for each reply, call and result. A UI
 * message has all steps of an answer.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import type { Answer } from '../../src/store/letter.ts'

export interface PostedConversation {
  /** The texts of the system and developer messages. Undefined if there are none. */
  instructions: string | undefined
  /** The messages before the new part. */
  history: UIMessage[]
  /**
   * The new part: the user messages after the last answer, or the results of the calls of the last answer.
   * `results` of a `message` are those before it.
   */
  next:
    | { kind: 'message'; messages: UIMessage[]; results: Answer[] }
    | { kind: 'results'; results: Answer[] }
}

/** A tool call of an answer. A call without a result is `input-available`. */
export interface PostedCall {
  type: 'dynamic-tool'
  toolName: string
  toolCallId: string
  state: 'input-available' | 'output-available' | 'output-error'
  input: unknown
  output?: unknown
  errorText?: string
}

export type PostedPart = UIMessage['parts'][number] | PostedCall

export class ConversationBuilder {
  /** The field of the request, for error texts. */
  readonly #field: 'messages' | 'input'
  readonly #instructions: string[] = []
  readonly #messages: { role: 'user' | 'assistant'; parts: PostedPart[] }[] = []
  /** The calls of the last reply that have no result yet. */
  #calls = new Map<string, PostedCall>()
  /** The results since the last reply. */
  #results: Answer[] = []
  /** Whether the last reply has a step that takes more parts. */
  #isStepOpen = false

  constructor(field: 'messages' | 'input') {
    this.#field = field
  }

  addInstructions(text: string): void {
    this.#instructions.push(text)
  }

  addUser(parts: UIMessage['parts']): void {
    this.#messages.push({ role: 'user', parts })
    this.#calls = new Map()
    this.#isStepOpen = false
  }

  /** Adds a step to the last answer, or begins one. */
  addStep(parts: readonly PostedPart[]): void {
    this.#isStepOpen = false
    this.addToStep(parts)
  }

  /** Adds parts to the step of the last answer. After results, it begins the next step. */
  addToStep(parts: readonly PostedPart[]): void {
    const calls = parts.filter(isOpenCall)
    if (!this.#isStepOpen) {
      this.#calls = new Map()
      this.#results = []
      const last = this.#messages.at(-1)
      const start: PostedPart = { type: 'step-start' }
      if (last?.role === 'assistant') last.parts.push(start)
      else this.#messages.push({ role: 'assistant', parts: [start] })
      this.#isStepOpen = true
    }
    this.#messages.at(-1)?.parts.push(...parts)
    for (const call of calls) this.#calls.set(call.toolCallId, call)
  }

  /**
   * @param name the name of the id of the call in error texts
   * @throws LoomError `invalid-request` if the answer before it has no such call
   */
  addResult({ toolCallId, output }: { toolCallId: string; output: unknown }, name: string): void {
    const call = this.#calls.get(toolCallId)
    this.addAnswer({ type: 'output', toolCallId, output })
    if (call !== undefined) Object.assign(call, { state: 'output-available', output })
    // A client that keeps only the end of a conversation may have cut the call off.
    else if (this.#messages.some(({ role }) => role === 'assistant')) {
      throw new LoomError(
        'invalid-request',
        `${name}: the assistant message before it has no call with this id.`,
      )
    }
  }

  /** Adds a result, or a decision about a call. */
  addAnswer(answer: Answer): void {
    this.#results.push(answer)
    this.#isStepOpen = false
  }

  /** @throws LoomError `invalid-request` if nothing in the conversation is new */
  end(): PostedConversation {
    const instructions =
      this.#instructions.length === 0 ? undefined : this.#instructions.join('\n\n')
    const messages = this.#messages.map((message, index) => uiMessage(message, index))
    const results = this.#results
    const start = messages.findLastIndex(({ role }) => role === 'assistant') + 1
    const added = messages.slice(start)
    if (results.length > 0 && added.length === 0) {
      return { instructions, history: messages, next: { kind: 'results', results } }
    }
    if (added.length === 0) {
      throw new LoomError(
        'invalid-request',
        `${this.#field} must end with a message of the user, or with the results of all tool calls.`,
      )
    }
    const history = messages.slice(0, start)
    return { instructions, history, next: { kind: 'message', messages: added, results } }
  }
}

const isOpenCall = (part: PostedPart): part is PostedCall =>
  part.type === 'dynamic-tool' && part.state === 'input-available'

// The parts are those of UI messages.
function uiMessage(message: object, index: number): UIMessage
function uiMessage(message: object, index: number): unknown {
  return { id: `history-${index}`, ...message }
}

/** Arguments that are no JSON are what a model wrote. They go back as they are. */
export function inputOf(json: string): unknown {
  try {
    return json === '' ? {} : JSON.parse(json)
  } catch {
    return json
  }
}
