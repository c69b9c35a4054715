/** The body of a posted chat: the fields of `DefaultChatTransport`, and Loom's own. */
import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { type Fields, isFields } from '../src/ground/fields.ts'
import { serverField } from '../src/store/context.ts'
import { idLengthMax, isId, isSessionId } from '../src/wire/conversation.ts'
import { carriedRequestOf } from './carried-request.ts'
import { ownValues, readChatBody } from './chat-body.ts'
import { unknownBodyField } from './known-fields.ts'
import { contextForm, messageForm } from './posted-form.ts'

const idText = z.string().refine(isId, `must be Unicode, at most ${idLengthMax} long`)
const idForm = { maxLength: idLengthMax }
const idSchema = idText.meta(idForm)
export const sessionIdSchema = idText
  .refine(isSessionId, 'cannot be "." or ".."')
  .meta({ ...idForm, not: { enum: ['.', '..'] } })

/**
 * The context that the callbacks of agents receive: any JSON object. Its fields need no check. They
 * were parsed from JSON within the limits of `body-limits.ts`, and a schema takes seconds for a
 * walk that a parser does in milliseconds.
 */
export const contextSchema = z
  .custom<JSONObject>(isFields, 'expected object')
  .refine(
    (context) => !Object.hasOwn(context, serverField),
    `cannot have the field "${serverField}"`,
  )
  .meta(contextForm)

export const chatRequest = z.object({
  id: sessionIdSchema.optional(),
  messages: z.array(z.unknown()).meta({ items: messageForm }).optional(),
  message: z
    .union([z.string(), z.custom<Fields>(isFields, 'expected object').meta(messageForm)])
    .optional(),
  trigger: z.enum(['submit-message', 'regenerate-message']).optional(),
  messageId: idSchema.optional(),
  /** The newest message that the client shows, checked on an edit and a regeneration. */
  lastMessageId: idSchema.optional(),
  /** True if the client has an answer of this conversation, and posts only its last message. */
  continues: z.boolean().optional(),
  /**
   * Computed from all of `messages`, also if only the last message is kept. The client cannot set
   * it.
   */
  isAnswered: z.boolean().default(false),
  agent: idSchema.optional(),
  context: contextSchema.optional(),
  model: z.string().min(1).max(idLengthMax).optional(),
  whenBusy: z.enum(['queue', 'reject', 'interrupt', 'rollback', 'steer']).optional(),
})

export type ChatRequest = z.infer<typeof chatRequest>

const known = new Set(Object.keys(chatRequest.shape))
const fields = new Set(known)
fields.delete('isAnswered')

/**
 * Reads and checks the body of a posted chat.
 * @param keepsHistory true if messages before the last one may also be needed
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export async function readRequest(c: Context, keepsHistory: boolean): Promise<ChatRequest> {
  const carried = carriedRequestOf(c)?.posted
  return checkedRequest(carried ?? (await readChatBody(c, { fields, keepsHistory })))
}

function checkedRequest(body: unknown): ChatRequest {
  const unknown = isFields(body) ? Object.keys(body).find((name) => !known.has(name)) : undefined
  if (unknown !== undefined) throw unknownBodyField(unknown, fields, ownValues)
  const result = chatRequest.safeParse(body)
  if (result.success) return result.data
  throw new LoomError('invalid-request', issueIn(result.error))
}

/** Describes the first issue in one line. */
export function issueIn({ issues: [issue] }: z.ZodError): string {
  const where = issue === undefined || issue.path.length === 0 ? 'The body' : issue.path.join('.')
  return `${where}: ${issue?.message ?? 'not valid'}.`
}

/**
 * Returns the messages of a request.
 * @throws LoomError `invalid-request` if the request has none
 */
export function postedMessages({ message, messages }: ChatRequest): readonly unknown[] {
  if (typeof message === 'string') return [{ role: 'user', content: message }]
  if (message !== undefined) return [message]
  if (messages !== undefined) return messages
  throw new LoomError('invalid-request', 'The body needs messages, a list, or message.')
}
