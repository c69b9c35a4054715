/** The body of a posted chat, as `DefaultChatTransport` sends it, and then some. */
import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'
import { z } from 'zod'

import { LoomError } from '../src/ground/error.ts'
import { type Fields, isFields } from '../src/ground/fields.ts'
import { idLengthMax, isId, isSessionId } from '../src/wire/conversation.ts'
import { readChatBody } from './chat-body.ts'

const idSchema = z.string().refine(isId, `must be Unicode, at most ${idLengthMax} long`)
export const sessionIdSchema = idSchema.refine(isSessionId, 'cannot be "." or ".."')

/**
 * What agents' callbacks are given: any JSON object. Its fields need no check: they were parsed from
 * JSON within the limits of `body-limits.ts`, and a schema that walks them takes seconds for what a
 * parser does in milliseconds.
 */
export const contextSchema = z.custom<JSONObject>(isFields, 'expected object')

/** What is not named here (`transport.body` of the client) is left unread. */
const chatRequest = z.object({
  id: sessionIdSchema.optional(),
  messages: z.array(z.unknown()).optional(),
  message: z.union([z.string(), z.custom<Fields>(isFields, 'expected object')]).optional(),
  trigger: z.enum(['submit-message', 'regenerate-message']).optional(),
  messageId: idSchema.optional(),
  /** True where the client has seen an answer in this conversation, and posts its last message alone. */
  continues: z.boolean().optional(),
  /** Of `messages`, also where only the last of them is kept; never the client's word. */
  isAnswered: z.boolean().default(false),
  agent: idSchema.optional(),
  context: contextSchema.optional(),
  whenBusy: z.enum(['queue', 'reject', 'interrupt', 'rollback', 'steer']).optional(),
})

export type ChatRequest = z.infer<typeof chatRequest>

const fields = new Set(Object.keys(chatRequest.shape))

/**
 * @param keepsHistory whether messages before the last may matter as well
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export async function readRequest(c: Context, keepsHistory: boolean): Promise<ChatRequest> {
  const result = chatRequest.safeParse(await readChatBody(c, { fields, keepsHistory }))
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
