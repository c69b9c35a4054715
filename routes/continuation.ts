/**
 * Tells a post that goes on with a conversation from one that begins it. A server that does not have
 * the conversation (it was deleted, it expired, or the server restarted without Redis) refuses the
 * first kind: a model that answered it would know nothing of what the page shows.
 */
import { fieldOf } from '../src/conversation/fields.ts'
import { LoomError } from '../src/error.ts'
import type { ChatRequest } from './chat-request.ts'

/**
 * Whether a post can only mean a conversation that has been answered before. An assistant message in
 * front of the first user message does not count: pages begin with a greeting of their own.
 */
export function isContinuation(request: ChatRequest): boolean {
  const { continues, trigger, messageId, message, messages } = request
  if (continues === true || trigger === 'regenerate-message' || messageId !== undefined) return true
  const roles = (message === undefined ? (messages ?? []) : [message]).map((one) =>
    fieldOf(one, 'role'),
  )
  return roles.at(-1) === 'assistant' || isAnswered(roles)
}

/** Whether an assistant message stands behind a user message. */
function isAnswered(roles: readonly unknown[]): boolean {
  const asked = roles.indexOf('user')
  return asked !== -1 && roles.includes('assistant', asked)
}

/** For a post and for a stream's cursor alike. */
export const conversationGone = () =>
  new LoomError(
    'gone',
    'The server does not have this conversation any more: it was deleted, it expired, or the server restarted without Redis. Begin a new conversation.',
  )
