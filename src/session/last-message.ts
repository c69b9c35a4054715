/**
 * The last message of a posted conversation. It is checked and converted once, when it is first asked
 * for: a post that looks at its session again has the same message.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import { fieldOf } from '../ground/fields.ts'
import type { Answer } from '../store/letter.ts'
import { readMessage } from '../wire/conversation.ts'

export class LastMessage {
  /** As it was posted: undefined in a message that has none. */
  readonly id: unknown
  readonly role: unknown
  readonly #posted: unknown
  readonly #name: string
  #message: Promise<UIMessage> | undefined
  #answers: readonly Answer[] | undefined

  /**
   * @param posted the message, not checked yet
   * @param name what it is called in errors
   */
  constructor(posted: unknown, name: string) {
    this.#posted = posted
    this.#name = name
    this.id = fieldOf(posted, 'id')
    this.role = fieldOf(posted, 'role')
  }

  /** The message, with an id of its own if it was posted without. @throws LoomError `invalid-request` */
  read(): Promise<UIMessage> {
    this.#message ??= this.#read()
    return this.#message
  }

  async #read(): Promise<UIMessage> {
    const message = await readMessage(this.#posted, this.#name)
    // Earlier versions of the AI SDK write answers in another form than the posted parts below.
    this.#answers = answersIn(message.parts)
    return message.id === '' ? { ...message, id: randomUUID() } : message
  }

  /** What the client says to the calls of this message, whether or not the session asked. */
  get answers(): readonly Answer[] {
    this.#answers ??= answersIn(fieldOf(this.#posted, 'parts'))
    return this.#answers
  }
}

const answersIn = (parts: unknown): Answer[] =>
  (Array.isArray(parts) ? parts : []).flatMap((part: unknown) =>
    typeof part === 'object' && part !== null ? (answerIn({ ...part }) ?? []) : [],
  )

function answerIn(part: Record<string, unknown>): Answer | undefined {
  const { toolCallId, state, output, errorText } = part
  if (typeof toolCallId !== 'string') return undefined
  if (state === 'output-available') return { type: 'output', toolCallId, output: output ?? null }
  if (state === 'output-error')
    return { type: 'output-error', toolCallId, errorText: String(errorText) }
  if (state !== 'approval-responded' && state !== 'output-denied') return undefined
  const approval: unknown = part['approval']
  if (typeof approval !== 'object' || approval === null || !('id' in approval)) return undefined
  const reason = 'reason' in approval &&
    typeof approval.reason === 'string' && { reason: approval.reason }
  const approved = 'approved' in approval && approval.approved === true
  return { type: 'approval', approvalId: String(approval.id), approved, ...reason }
}
