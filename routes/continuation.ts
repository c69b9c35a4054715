/**
 * Tells a post that goes on with a conversation from one that begins it. A server that does not have
 * the conversation (it was deleted, it expired, or the server restarted without Redis) refuses the
 * first kind: a model that answered it would know nothing of what the page shows.
 */
import { LoomError } from '../src/error.ts'
import { fieldOf } from '../src/fields.ts'
import type { ChatRequest } from './chat-request.ts'

/**
 * Whether a post can only mean a conversation that has been answered before. An assistant message in
 * front of the first user message does not count: pages begin with a greeting of their own.
 */
export function isContinuation(request: ChatRequest): boolean {
  const { id = '', continues, isAnswered, trigger, messageId, message, messages } = request
  // A post that names no conversation begins one.
  if (id === '') return false
  if (continues === true || trigger === 'regenerate-message' || messageId !== undefined) return true
  return isAnswered || fieldOf(message ?? messages?.at(-1), 'role') === 'assistant'
}

/** For a post and for a stream's cursor alike. */
export const conversationGone = () =>
  new LoomError(
    'gone',
    'The server does not have this conversation any more: it was deleted, it expired, or the server restarted without Redis. Begin a new conversation.',
  )
