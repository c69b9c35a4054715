/** Letters with a client's answers to the calls of a message that waits. */
import type { UIMessage } from 'ai'

import type { FoldedMessage } from '../message-fold.ts'
import { contextParts } from '../store/context.ts'
import type { Answer, Letter, LetterRequest } from '../store/letter.ts'
import { OmittedValue } from '../wire/conversation/omitted-value.ts'
import { digest } from './content-digest.ts'
import { pendingApproval, pendingOutput } from './pending-parts.ts'
import type { PostContent } from './post-content.ts'
import type { SessionView } from './session-view.ts'

/** Returns undefined if the session waits for none of the posted answers. */
export function answerLetter(
  message: UIMessage,
  { key, request, last }: PostContent,
  { pendingMessage }: SessionView,
): Letter | undefined {
  if (pendingMessage === undefined || pendingMessage.id !== message.id) return undefined
  const answers = last.answers.filter((answer) => waitsForAnswer(pendingMessage, answer))
  if (answers.length === 0) return undefined
  refuseOmitted(answers)
  const id = key ?? answerId(pendingMessage, answers)
  return {
    id,
    kind: 'answer',
    replyId: pendingMessage.id,
    answer: answers,
    request: withoutServerPart(request),
  }
}

/**
 * A turn keeps the server's part of its context to its end, even if another user answers its calls. So it also keeps
 * the client's part, because both parts belong to the same message.
 */
function withoutServerPart({ context, ...request }: LetterRequest): LetterRequest {
  const isOfClient = context !== undefined && contextParts(context).server === undefined
  return isOfClient ? { ...request, context } : request
}

/** @throws LoomError if an answer to a call exceeds the limits of a body */
function refuseOmitted(answers: readonly Answer[]): void {
  for (const answer of answers) {
    const values: unknown[] = Object.values(answer)
    const omitted = values.find((value) => value instanceof OmittedValue)
    if (omitted !== undefined) throw omitted.refusal
  }
}

/** Whether a message waits for this answer. */
export const waitsForAnswer = (message: FoldedMessage, answer: Answer): boolean =>
  answer.type === 'approval'
    ? pendingApproval(message, answer.approvalId) !== undefined
    : pendingOutput(message, answer.toolCallId) !== undefined

/**
 * The id of a letter: equal answers to the same message are one letter. The ids of calls do not
 * suffice, because some models count them from 0 in every reply.
 */
export const answerId = ({ id }: Pick<FoldedMessage, 'id'>, answers: readonly Answer[]): string =>
  `answer:${digest([id, answers])}`
