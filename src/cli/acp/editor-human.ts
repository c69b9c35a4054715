/**
 * Asks the user of an editor for the answers that a turn waits for: approvals as permission requests, and questions
 * as forms. An editor without forms shows the options of a question as a permission request. A question without
 * options ends the turn there, and the next prompt answers it.
 */
import type {
  AgentContext,
  PermissionOption,
  RequestPermissionRequest,
} from '@agentclientprotocol/sdk'

import { fieldsOf, textField } from '../../ground/fields.ts'
import type { FoldedMessage, FoldedPart } from '../../message-fold.ts'
import { pendingParts } from '../../session/pending-parts.ts'
import type { Answer } from '../../store/letter.ts'
import type { Grants } from '../approval.ts'
import { nameOf, ownNameOf } from '../call-name.ts'
import { prefixOf } from '../command-prefix.ts'
import { callFields, editorCallId } from './updates.ts'

export interface EditorHumanOptions {
  client: Pick<AgentContext, 'request'>
  sessionId: string
  grants: Grants
  directory: string | undefined
  /** Whether the editor shows forms. */
  hasForms: () => boolean
  /** Whether other clients may answer the calls of their tools. */
  isShared: boolean
  /** Shows a question that the next prompt answers. */
  ask: (messageId: string, question: string) => Promise<void>
}

/** A question that the next prompt of the user answers. */
export interface OpenQuestion {
  messageId: string
  toolCallId: string
}

export class EditorHuman {
  readonly #options: EditorHumanOptions
  /** The question that the next prompt answers, and the answers of the same step. */
  open: (OpenQuestion & { others: Answer[] }) | undefined

  constructor(options: EditorHumanOptions) {
    this.#options = options
  }

  /**
   * Asks for the answers to the open calls of a message. Undefined if the user answers none now: the user
   * cancelled, or the next prompt has the answer.
   */
  async answers(message: FoldedMessage, signal: AbortSignal): Promise<Answer[] | undefined> {
    const answers: Answer[] = []
    let later: OpenQuestion | undefined
    for (const part of pendingParts(message)) {
      if (signal.aborted) return undefined
      const answer =
        part['state'] === 'approval-requested'
          ? await this.#decision(message.id, part, signal)
          : await this.#output(message.id, part, signal)
      if (answer === undefined) return undefined
      if (answer === 'later')
        later = { messageId: message.id, toolCallId: String(part['toolCallId']) }
      else if (answer !== 'not-ours') answers.push(answer)
    }
    if (later === undefined) return answers
    this.open = { ...later, others: answers }
    return undefined
  }

  async #decision(
    messageId: string,
    part: FoldedPart,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { sessionId, grants, directory } = this.#options
    const { input, toolCallId } = part
    const approvalId = textField(part['approval'], 'id') ?? ''
    const decide = (approved: boolean): Answer => ({
      type: 'approval',
      approvalId,
      approved,
      ...(!approved && { reason: 'The user said no.' }),
    })
    const [toolName, ownName] = [nameOf(part), ownNameOf(part)]
    if (grants.allows(toolName, input) || grants.allows(ownName, input)) return decide(true)
    const optionId = await this.#chosen(
      {
        sessionId,
        toolCall: {
          toolCallId: editorCallId(messageId, String(toolCallId)),
          ...callFields({ toolName, input }, directory),
          status: 'pending',
        },
        options: permissionOptions(ownName, input),
      },
      signal,
    )
    if (optionId === undefined) return undefined
    if (optionId === 'always') grants.add(ownName, input)
    return decide(optionId === 'once' || optionId === 'always')
  }

  async #output(
    messageId: string,
    part: FoldedPart,
    signal: AbortSignal,
  ): Promise<Answer | 'later' | 'not-ours' | undefined> {
    const { hasForms, isShared, ask } = this.#options
    const toolCallId = String(part['toolCallId'])
    const { question, options } = fieldsOf(part['input'])
    if (typeof question !== 'string') {
      if (isShared) return 'not-ours'
      return { type: 'output-error', toolCallId, errorText: 'This editor has no such tool.' }
    }
    const choices = Array.isArray(options) ? options.map(String) : []
    const asked = { messageId, toolCallId, question, choices, input: part['input'] }
    if (hasForms()) return this.#form(asked, signal)
    if (choices.length > 0) return this.#choice(asked, signal)
    await ask(messageId, question)
    return 'later'
  }

  async #form(
    { messageId, toolCallId, question, choices, input }: AskedQuestion,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { client, sessionId } = this.#options
    const usual = textField(input, 'default')
    const asked = client.request(
      'elicitation/create',
      {
        mode: 'form',
        sessionId,
        toolCallId: editorCallId(messageId, toolCallId),
        message: question,
        requestedSchema: {
          type: 'object',
          properties: {
            answer: {
              type: 'string',
              title: 'Answer',
              ...(choices.length > 0 && { enum: choices }),
              ...(usual !== undefined && { default: usual }),
            },
          },
          required: ['answer'],
        },
      },
      { cancellationSignal: signal, stopWaitingOnCancel: true },
    )
    const reply = await asked.catch(unlessAborted(signal))
    if (reply === undefined || reply.action === 'cancel') return undefined
    const output = textField(fieldsOf(reply)['content'], 'answer')
    if (reply.action === 'accept' && output !== undefined) {
      return { type: 'output', toolCallId, output }
    }
    return declined(toolCallId)
  }

  async #choice(
    { messageId, toolCallId, question, choices, input }: AskedQuestion,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { sessionId } = this.#options
    const options = choices.map((name, index): PermissionOption => ({
      optionId: String(index),
      name,
      kind: 'allow_once',
    }))
    const optionId = await this.#chosen(
      {
        sessionId,
        toolCall: {
          toolCallId: editorCallId(messageId, toolCallId),
          title: question,
          rawInput: input,
          status: 'pending',
        },
        options: [...options, { optionId: 'none', name: 'No answer', kind: 'reject_once' }],
      },
      signal,
    )
    if (optionId === undefined) return undefined
    const output = choices[Number(optionId)]
    return output === undefined ? declined(toolCallId) : { type: 'output', toolCallId, output }
  }

  /** Returns the id of the option that the user chose. Undefined if the request was cancelled. */
  async #chosen(
    request: RequestPermissionRequest,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const reply = this.#options.client.request('session/request_permission', request, {
      cancellationSignal: signal,
      stopWaitingOnCancel: true,
    })
    const response = await reply.catch(unlessAborted(signal))
    const outcome = response?.outcome
    return outcome?.outcome === 'selected' ? outcome.optionId : undefined
  }
}

const unlessAborted = (signal: AbortSignal) => (error: unknown) => {
  if (!signal.aborted) throw error
  return undefined
}

interface AskedQuestion extends OpenQuestion {
  question: string
  choices: readonly string[]
  input: unknown
}

const declined = (toolCallId: string): Answer => ({
  type: 'output-error',
  toolCallId,
  errorText: 'The user gave no answer.',
})

function permissionOptions(toolName: string, input: unknown): PermissionOption[] {
  const command = textField(input, 'command')
  const prefix = command === undefined ? undefined : prefixOf(command)
  const always =
    command === undefined
      ? `Always allow ${toolName}`
      : `Always allow ${prefix === undefined ? 'this command' : `${prefix} …`}`
  return [
    { optionId: 'once', name: 'Allow', kind: 'allow_once' },
    { optionId: 'always', name: always, kind: 'allow_always' },
    { optionId: 'no', name: 'Reject', kind: 'reject_once' },
  ]
}
