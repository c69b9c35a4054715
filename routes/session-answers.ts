/**
 * Accepts answers to open calls from any client: outputs of client-side tools, and decisions on
 * approvals.
 */
import type { JSONValue } from '@ai-sdk/provider'
import type { Context } from 'hono'
import { z } from 'zod/v4'

import { LoomError } from '../src/ground/error.ts'
import { acceptAnswers } from '../src/session/accept-answer.ts'
import { authorOf } from '../src/session/session-role.ts'
import type { Answer } from '../src/store/letter.ts'
import type { SessionRecord } from '../src/store/session.ts'
import { readingOf } from '../src/wire/reading.ts'
import { audit } from './audit.ts'
import { readFields } from './known-fields.ts'
import { answer } from './session-post.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

export const toolAnswer = z.union([
  z.object({ errorText: z.string(), output: z.undefined().optional() }),
  // The body is already parsed JSON. A schema takes seconds for a walk that a parser does in
  // milliseconds.
  z.object({
    output: z.custom<JSONValue>((output) => output !== undefined),
    errorText: z.undefined().optional(),
  }),
])

export const decision = z.object({
  approved: z.boolean(),
  reason: z.string().max(10_000).optional(),
})

export async function answerTool(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'writer')
  const body = toolAnswer.safeParse(await readFields(c, ['output', 'errorText']))
  if (!body.success)
    throw new LoomError('invalid-request', 'The body needs either output or errorText.')
  const toolCallId = c.req.param('toolCallId') ?? ''
  const { data } = body
  return postAnswer(
    c,
    world,
    session,
    data.errorText !== undefined
      ? { type: 'output-error', toolCallId, errorText: data.errorText }
      : { type: 'output', toolCallId, output: data.output },
  )
}

export async function decide(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'writer')
  const body = decision.safeParse(await readFields(c, ['approved', 'reason']))
  if (!body.success)
    throw new LoomError('invalid-request', 'The body needs approved, true or false.')
  const { approved, reason } = body.data
  const approvalId = c.req.param('approvalId') ?? ''
  return postAnswer(c, world, session, {
    type: 'approval',
    approvalId,
    approved,
    ...(reason !== undefined && { reason }),
  })
}

async function postAnswer(
  c: Context,
  world: SessionWorld,
  session: SessionRecord,
  given: Answer,
): Promise<Response> {
  const reading = readingOf(c, {})
  const author = authorOf(world.principal, session.id, session)
  const receipt = await acceptAnswers(world.loom.sessions, session, [given], { author })
  if (given.type === 'approval') {
    const { principal, tenant } = world
    const { approved, approvalId } = given
    const action = approved ? 'approve' : 'deny'
    const act = { principal, tenant, action, sessionId: session.id, approvalId } as const
    await audit(c, world.loom, act)
  }
  return answer(c, world, { sessionId: session.id, receipt, reading })
}
