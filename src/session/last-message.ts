/**
 * The last message of a posted conversation. It is checked and converted once, at its first read. A post
 * that reads its session a second time therefore has the same message.
 */
import type { UIMessage } from 'ai'

import { fieldOf } from '../ground/fields.ts'
import { newMessageId } from '../ground/message-id.ts'
import type { Answer } from '../store/letter.ts'
import { readMessage } from '../wire/conversation.ts'

export class LastMessage {
  /** The id in the post, not checked. Undefined if the post has none. */
  readonly id: unknown
  readonly role: unknown
  readonly #source: unknown
  readonly #name: string
  #message: Promise<UIMessage> | undefined
  #answers: readonly Answer[] | undefined

  /**
   * @param source the message in the post, not checked yet
   * @param name the name of the message in error texts
   */
  constructor(source: unknown, name: string) {
    this.#source = source
    this.#name = name
    this.id = fieldOf(source, 'id')
    this.role = fieldOf(source, 'role')
  }

  /** Returns the message, with a new id if the post has none. @throws LoomError `invalid-request` */
  read(): Promise<UIMessage> {
    this.#message ??= this.#read()
    return this.#message
  }

  async #read(): Promise<UIMessage> {
    const message = await readMessage(this.#source, this.#name)
    // Earlier versions of the AI SDK have another form of answers, which `readMessage` converts.
    this.#answers = answersIn(message.parts)
    return message.id === '' ? { ...message, id: newMessageId() } : message
  }

  /** The answers of the client to the calls of this message, also those that the session does not wait for. */
  get answers(): readonly Answer[] {
    this.#answers ??= answersIn(fieldOf(this.#source, 'parts'))
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
