/**
 * `POST /v1/chat/completions`: the chat completions API of OpenAI, where an agent is a model. Without the name of a session,
 * each request is a session of its own that begins with its messages and is removed after the answer. With the
 * name of one, the session has the history, and only the end of the messages is new.
 */
import type { Context } from 'hono'

import type { Agent } from '../../src/agent.ts'
import { publicId } from '../../src/session/tenant-ids.ts'
import { chatCompletionEncoder } from '../../src/wire/frames/chat-completion.ts'
import { readJson } from '../body.ts'
import { noteOf } from '../request-note.ts'
import { encodedReader, streamAnswer } from '../session-stream.ts'
import type { SessionWorld } from '../session-world.ts'
import { agentNamed, letterRequest, nowS } from './answer-request.ts'
import {
  acceptInNamed,
  acceptInNew,
  type AcceptedAnswer,
  discard,
  sessionNamed,
} from './answer-session.ts'
import { askedIn, type CompletionBody, readCompletionBody } from './completion-body.ts'
import { readMessages } from './completion-messages.ts'
import { completionOf } from './whole-completion.ts'

export async function chatCompletions(c: Context, world: SessionWorld): Promise<Response> {
  const { loom } = world
  const body = readCompletionBody(await readJson(c))
  const conversation = readMessages(body.messages)
  const agent = agentNamed(loom.agents, body.model)
  const asked = askedIn(body, conversation.instructions)
  const request = await letterRequest(world, agent, asked)
  // A credential of one session begins no other one.
  const named = sessionNamed(c, body) ?? world.principal.session
  const post = { conversation, agent, request }
  const accepted =
    named === undefined
      ? await acceptInNew(world, post, { isTemporary: true })
      : await acceptInNamed(c, world, { ...post, id: named })
  const { sessionId, receipt } = accepted
  const id = publicId(world.tenant, sessionId)
  if (named !== undefined) c.header('x-loom-session', encodeURIComponent(id))
  const note = noteOf(c)
  if (note !== undefined) Object.assign(note, { sessionId: id, messageId: receipt.logId })
  return body.stream === true
    ? streamed(c, world, { body, agent, accepted })
    : whole(c, world, { body, agent, accepted })
}

interface Answering {
  body: CompletionBody
  agent: Agent
  accepted: AcceptedAnswer
}

const idOf = ({ receipt }: AcceptedAnswer) => `chatcmpl-${receipt.logId}`
const isStructured = ({ response_format: format }: CompletionBody) =>
  format?.type === 'json_object' || format?.type === 'json_schema'

function streamed(c: Context, world: SessionWorld, { body, agent, accepted }: Answering): Response {
  const { sessionId, receipt, isTemporary } = accepted
  const { logId, letterId, after, skip, queued, answers } = receipt
  const encoder = chatCompletionEncoder({
    id: idOf(accepted),
    model: agent.name,
    created: nowS(),
    includesUsage: body.stream_options?.include_usage === true,
    isStructured: isStructured(body),
  })
  const reader = encodedReader(c, world, { encoder, floor: 'any' })
  const delivery = streamAnswer(
    world,
    {
      sessionId,
      place: { logId, after, skip },
      ...(queued && letterId !== undefined && { queued: { letterId, logId, answers } }),
    },
    reader,
  )
  if (isTemporary) delivery.then(() => discard(world, accepted)).catch(world.loom.report)
  return reader.reply.open()
}

async function whole(
  c: Context,
  world: SessionWorld,
  { body, agent, accepted }: Answering,
): Promise<Response> {
  const { signal } = c.req.raw
  try {
    const completion = await completionOf(world.loom.sessions, accepted, {
      signal,
      isStructured: isStructured(body),
    })
    return c.json({
      id: idOf(accepted),
      object: 'chat.completion',
      created: nowS(),
      model: agent.name,
      ...completion,
    })
  } finally {
    if (accepted.isTemporary) discard(world, accepted).catch(world.loom.report)
  }
}
