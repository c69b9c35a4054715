/** `POST /v1/responses`: the Responses API of OpenAI, where an agent is a model. */
import type { Context } from 'hono'

import { failureIn } from '../../src/session/answer-failure.ts'
import { publicId } from '../../src/session/tenant-ids.ts'
import { answerGone } from '../../src/session/whole-answer.ts'
import { readJson } from '../body.ts'
import { jsonResponse } from '../json-response.ts'
import { noteOf } from '../request-note.ts'
import type { SessionWorld } from '../session-world.ts'
import { agentNamed, letterRequest, nowS } from './answer-request.ts'
import { discard, sessionNamed } from './answer-session.ts'
import {
  askedIn,
  checkPlace,
  conversationIn,
  isStructured,
  readResponseBody,
  type ResponseBody,
} from './response-body.ts'
import { foldOf, followResponse, type OpenResponse, streamResponse } from './response-delivery.ts'
import { readInput } from './response-input.ts'
import { itemFinder } from './response-items.ts'
import { responseId, type ResponseKey } from './response-key.ts'
import { messageMetadata } from './response-metadata.ts'
import { responseObject, settingsOf } from './response-object.ts'
import { type AcceptedResponse, acceptResponse } from './response-session.ts'

export async function createResponse(c: Context, world: SessionWorld): Promise<Response> {
  const { loom, principal } = world
  const body = readResponseBody(await readJson(c))
  const conversation = await readInput(body.input, itemFinder(world))
  const agent = agentNamed(loom.agents, body.model)
  const request = await letterRequest(world, agent, askedIn(body, conversation.instructions))
  const metadata = messageMetadata(body)
  const isStored = body.store !== false
  const asked = conversationIn(body) ?? sessionNamed(c, body)
  checkPlace(body, asked)
  // A credential of one session begins no other one, also with `store: false`.
  const named = asked ?? principal.session
  const accepted = await acceptResponse(
    c,
    world,
    { conversation, agent, request, ...(metadata !== undefined && { metadata }) },
    { named, previous: body.previous_response_id ?? undefined, isStored },
  )
  const key = keyOf(body, accepted, publicId(world.tenant, accepted.sessionId))
  if (!accepted.isTemporary) c.header('x-loom-session', encodeURIComponent(key.session))
  const note = noteOf(c)
  if (note !== undefined) Object.assign(note, { sessionId: key.session, messageId: key.logId })
  return answered(c, world, { body, named: asked, accepted, agent: agent.name, key })
}

function keyOf(
  body: ResponseBody,
  { receipt, part, inputs, isOwnSession }: AcceptedResponse,
  session: string,
): ResponseKey {
  return {
    session,
    logId: receipt.logId,
    part,
    inputs,
    createdAt: nowS(),
    isBackground: body.background === true,
    isStructured: isStructured(body),
    isOwnSession,
    letterId: receipt.queued ? receipt.letterId : undefined,
  }
}

interface Answering {
  body: ResponseBody
  /** The session that the request names. */
  named: string | undefined
  accepted: AcceptedResponse
  agent: string
  key: ResponseKey
}

async function answered(
  c: Context,
  world: SessionWorld,
  { body, named, accepted, agent, key }: Answering,
): Promise<Response> {
  const { receipt, sessionId } = accepted
  const open: OpenResponse = {
    key,
    sessionId,
    identity: {
      id: responseId(key),
      model: agent,
      created_at: key.createdAt,
      background: key.isBackground,
    },
    settings: settingsOf(body, named),
    letterId: receipt.queued ? receipt.letterId : undefined,
  }
  if (body.stream === true) {
    const { sessions } = world.loom
    const isGone = receipt.repeated && !receipt.queued
    if (isGone && !(await sessions.hasLog(sessionId, key.logId))) throw answerGone()
    const { response, delivery } = streamResponse(c, world, open, { startingAfter: -1 })
    if (accepted.isTemporary) {
      delivery.then(() => discard(world, accepted)).catch(world.loom.report)
    }
    return response
  }
  const { identity, settings } = open
  if (key.isBackground) {
    const fold = foldOf(open)
    return c.json(responseObject(identity, settings, { fold, waits: receipt.queued }))
  }
  try {
    const fold = await followResponse(world.loom.sessions, open, c.req.raw.signal)
    if (fold.end?.failure !== undefined) throw failureIn(errorOf(fold.end.failure))
    return jsonResponse(c, responseObject(identity, settings, { fold }))
  } finally {
    if (accepted.isTemporary) discard(world, accepted).catch(world.loom.report)
  }
}

const errorOf = ({ code, message }: { code: string | undefined; message: string }) => ({
  errorText: message,
  ...(code !== undefined && { code }),
})
