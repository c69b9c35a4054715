/** Answers to what a session waits for, from anywhere: outputs of client-side tools, and decisions. */
import type { JSONValue } from '@ai-sdk/provider'
import type { Context } from 'hono'
import { z } from 'zod'

import { LoomError } from '../src/error.ts'
import { noLongerWaits } from '../src/session/answering.ts'
import type { Answer } from '../src/session/letter-request.ts'
import { answerId, isAwaited } from '../src/session/posted.ts'
import { readJson } from './body.ts'
import { answer } from './session-post.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

const toolAnswer = z.union([
  z.object({ errorText: z.string() }).transform(({ errorText }) => ({ errorText })),
  // A body is JSON: a schema that walks it takes seconds for what its parser does in milliseconds.
  z.object({ output: z.custom<JSONValue>((output) => output !== undefined) }),
])

const decision = z.object({ approved: z.boolean(), reason: z.string().max(10_000).optional() })

export async function answerTool(c: Context, world: SessionWorld): Promise<Response> {
  const body = toolAnswer.safeParse(await readJson(c))
  if (!body.success) throw new LoomError('invalid-request', 'The body needs output, or errorText.')
  const toolCallId = c.req.param('toolCallId') ?? ''
  const { data } = body
  return postAnswer(
    c,
    world,
    'errorText' in data
      ? { type: 'output-error', toolCallId, errorText: data.errorText }
      : { type: 'output', toolCallId, output: data.output },
  )
}

export async function decide(c: Context, world: SessionWorld): Promise<Response> {
  const body = decision.safeParse(await readJson(c))
  if (!body.success)
    throw new LoomError('invalid-request', 'The body needs approved, true or false.')
  const { approved, reason } = body.data
  const approvalId = c.req.param('approvalId') ?? ''
  return postAnswer(c, world, {
    type: 'approval',
    approvalId,
    approved,
    ...(reason !== undefined && { reason }),
  })
}

async function postAnswer(c: Context, world: SessionWorld, given: Answer): Promise<Response> {
  const session = await ownSession(c, world)
  const { sessions } = world.loom
  const replyId = session.turn?.logId ?? ''
  const id = answerId({ id: replyId }, [given])
  const { waiting } = await sessions.held(session.id, session)
  const isNew = waiting !== undefined && isAwaited(waiting, given)
  // One that comes again, since its answer was lost, is answered as it was.
  if (!isNew && (await sessions.requestStore.findLetter(session.id, id)) === undefined) {
    throw new LoomError('refused', noLongerWaits)
  }
  const letter = {
    id,
    kind: 'answer' as const,
    replyId,
    answer: [given],
    // The agent that asked: a session may have turns of several.
    request: { agent: session.turn?.agent ?? session.agent },
  }
  const { tenant, id: sessionId } = session
  const { agent } = letter.request
  const answering = await sessions.post(sessionId, letter, {
    tenant,
    agent,
    whenBusy: 'queue',
  })
  return answer(c, world, { sessionId, answering })
}
