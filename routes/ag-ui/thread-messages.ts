/** Stored messages as AG-UI messages: one for each step of an answer, each reasoning part and each result. */
import type { UIMessage } from 'ai'

import { isFields } from '../../src/ground/fields.ts'
import { type FoldedMessage, type FoldedPart, foldedMessage } from '../../src/message-fold.ts'
import { toolNameOf } from '../../src/session/open-calls.ts'
import type { AgUiMessage, AgUiToolMessage } from '../../src/wire/frames/ag-ui/events.ts'
import {
  argumentsOf,
  type CallIds,
  outputText,
  reasoningId,
  resultId,
  stepMessageId,
} from '../../src/wire/frames/ag-ui/ids.ts'
import { deniedText } from '../../src/wire/frames/ui.ts'
import { contentOf } from './content.ts'
import { agUiIdOf } from './message-marks.ts'

export interface ThreadIds {
  /** The ids of the result messages of the client, by the id of the call. */
  resultIds: ReadonlyMap<string, string>
  /** The ids of the calls. */
  callIds: CallIds
}

export function threadMessages(history: readonly UIMessage[], ids: ThreadIds): AgUiMessage[] {
  return history.flatMap((message): AgUiMessage[] => {
    if (message.role === 'assistant') return answerMessages(foldedMessage(message), ids)
    return message.role === 'user'
      ? [{ id: agUiIdOf(message), role: 'user', content: contentOf(message) }]
      : []
  })
}

export function answerMessages({ id, parts }: FoldedMessage, ids: ThreadIds): AgUiMessage[] {
  // The client may have begun a session with an answer of its own.
  if (!parts.some(({ type }) => type === 'step-start')) return seededAnswer(id, parts)
  const messages: AgUiMessage[] = []
  let step = new Step(stepMessageId(id, 0), ids)
  let count = 0
  for (const part of parts) {
    if (part.type === 'step-start') {
      messages.push(...step.messages)
      step = new Step(stepMessageId(id, count++), ids)
    } else step.add(part)
  }
  return [...messages, ...step.messages]
}

function seededAnswer(id: string, parts: readonly FoldedPart[]): AgUiMessage[] {
  const texts = parts.flatMap(({ type, text }) => (type === 'text' ? [String(text)] : []))
  return texts.length === 0 ? [] : [{ id, role: 'assistant', content: texts.join('') }]
}

class Step {
  readonly #id: string
  readonly #ids: ThreadIds
  readonly #before: AgUiMessage[] = []
  readonly #after: AgUiMessage[] = []
  #answer: Extract<AgUiMessage, { role: 'assistant' }> | undefined
  readonly #results: AgUiToolMessage[] = []
  #reasoningCount = 0

  constructor(id: string, ids: ThreadIds) {
    this.#id = id
    this.#ids = ids
  }

  add(part: FoldedPart): void {
    const { type, text, toolCallId } = part
    if (type === 'text') {
      const answer = this.#begun()
      answer.content = (answer.content ?? '') + String(text)
    } else if (type === 'reasoning') {
      const list = this.#answer === undefined ? this.#before : this.#after
      const id = reasoningId(this.#id, this.#reasoningCount++)
      list.push({ id, role: 'reasoning', content: String(text) })
    } else if (typeof toolCallId === 'string') this.#call(part, toolCallId)
  }

  #begun() {
    this.#answer ??= { id: this.#id, role: 'assistant' }
    return this.#answer
  }

  #call(part: FoldedPart, toolCallId: string): void {
    const { callIds, resultIds } = this.#ids
    const id = callIds.idOf(this.#id, toolCallId)
    const answer = this.#begun()
    answer.toolCalls ??= []
    const name = toolNameOf(part)
    answer.toolCalls.push({
      id,
      type: 'function',
      function: { name, arguments: argumentsOf(part['input']) },
    })
    const result = resultOf(part)
    if (result === undefined) return
    const messageId = resultIds.get(id) ?? resultId(id)
    this.#results.push({ id: messageId, role: 'tool', toolCallId: id, ...result })
  }

  get messages(): AgUiMessage[] {
    const answer = this.#answer === undefined ? [] : [this.#answer]
    return [...this.#before, ...answer, ...this.#results, ...this.#after]
  }
}

function resultOf(part: FoldedPart): Pick<AgUiToolMessage, 'content' | 'metadata'> | undefined {
  const failed = (content: string) => ({ content, metadata: { loom: { isError: true as const } } })
  switch (part['state']) {
    case 'output-available':
      return part['preliminary'] === true ? undefined : { content: outputText(part['output']) }
    case 'output-error':
      return failed(String(part['errorText']))
    case 'output-denied':
      return failed(deniedText)
    default:
      return undefined
  }
}

/** Returns the last state that a tool wrote. Undefined if none did. */
export function stateIn(history: readonly Pick<UIMessage, 'parts'>[]): unknown {
  for (const { parts } of history.toReversed()) {
    const part: unknown = parts.findLast(({ type }) => type === 'data-state')
    if (isFields(part)) return part['data']
  }
  return undefined
}
