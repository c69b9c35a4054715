/** The posted form of a new token. */
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { isPrincipalName, principalNameMax } from '../src/ground/principal.ts'
import { issueIn, sessionIdSchema } from './chat-request.ts'
import { readFields } from './known-fields.ts'

/** The lifetime of a token in seconds: the default, and the longest. */
const [lifetime, lifetimeMax] = [15 * 60, 24 * 60 * 60]

export const tokenBody = z
  .object({
    session: sessionIdSchema.min(1).optional(),
    subject: z
      .string()
      .refine(
        isPrincipalName,
        `must be Unicode without control characters, 1 to ${principalNameMax} long`,
      )
      .optional(),
    scopes: z
      .array(z.enum(['read', 'chat']))
      .min(1)
      .max(2)
      .default(['chat']),
    expiresIn: z.number().int().min(1).max(lifetimeMax).default(lifetime),
  })
  .refine(
    ({ session, subject }) => session !== undefined || subject !== undefined,
    'needs session, subject or both',
  )

/** @throws LoomError `invalid-request` */
export async function readTokenBody(c: Context): Promise<z.infer<typeof tokenBody>> {
  const fields = await readFields(c, ['session', 'subject', 'scopes', 'expiresIn'])
  const body = tokenBody.safeParse(fields)
  if (body.success) return body.data
  throw new LoomError('invalid-request', issueIn(body.error))
}
