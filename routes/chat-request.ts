/** The body of a posted chat, as `DefaultChatTransport` sends it, and then some. */
import { z } from 'zod'

import { idLengthMax, isId, isSessionId } from '../src/conversation.ts'
import { LoomError } from '../src/error.ts'

const idSchema = z.string().refine(isId, `must be Unicode, at most ${idLengthMax} long`)
export const sessionIdSchema = idSchema.refine(isSessionId, 'cannot be "." or ".."')

/** What agents' callbacks are given: any JSON object. */
export const contextSchema = z.record(z.string(), z.json())

/** What is not named here (`transport.body` of the client) is left unread. */
const chatRequest = z.object({
  id: sessionIdSchema.optional(),
  messages: z.array(z.unknown()).optional(),
  message: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  trigger: z.enum(['submit-message', 'regenerate-message']).optional(),
  messageId: idSchema.optional(),
  agent: idSchema.optional(),
  context: contextSchema.optional(),
  whenBusy: z.enum(['queue', 'reject', 'interrupt', 'rollback', 'steer']).optional(),
})

export type ChatRequest = z.infer<typeof chatRequest>

/** @throws LoomError `invalid-request` */
export function readRequest(body: unknown): ChatRequest {
  const result = chatRequest.safeParse(body)
  if (result.success) return result.data
  throw new LoomError('invalid-request', issueIn(result.error))
}

/** What is wrong first, in a line. */
export function issueIn({ issues: [issue] }: z.ZodError): string {
  const where = issue === undefined || issue.path.length === 0 ? 'The body' : issue.path.join('.')
  return `${where}: ${issue?.message ?? 'not valid'}.`
}

/** @throws LoomError `invalid-request` where there are none */
export function postedMessages({ message, messages }: ChatRequest): readonly unknown[] {
  if (typeof message === 'string') return [{ role: 'user', content: message }]
  if (message !== undefined) return [message]
  if (messages !== undefined) return messages
  throw new LoomError('invalid-request', 'The body needs messages, a list, or message.')
}
