/** `POST /ag-ui/:agent`: runs an agent in a thread, which is a session, and streams the events of AG-UI. */
import type { Context } from 'hono'

import { publicId } from '../../src/session/tenant-ids.ts'
import { withServerPart } from '../../src/store/context.ts'
import type { LetterRequest } from '../../src/store/letter.ts'
import { audit } from '../audit.ts'
import { noteOf } from '../request-note.ts'
import { agentOf, findSession, type SessionWorld } from '../session-world.ts'
import { type AcceptedRun, acceptRun } from './accept-run.ts'
import { readRunBody } from './run-body.ts'
import { readRunInput, type RunInput, runInput } from './run-input.ts'
import { streamRun } from './run-stream.ts'

const fields = new Set(Object.keys(runInput.shape))

export async function run(c: Context, world: SessionWorld): Promise<Response> {
  const keepsHistory = world.loom.agents.some(
    ({ name, seedFromClient }) => seedFromClient === true && name === c.req.param('agent'),
  )
  const input = readRunInput(await readRunBody(c, { fields, keepsHistory }))
  const agent = agentOf(c, world)
  const request = await letterRequest(world, agent.name, input)
  const session = await findSession(world, input.threadId, 'writer')
  const accepted = await acceptRun(world, { input, agent, session, request })
  await auditDecisions(c, world, accepted)
  const id = publicId(world.tenant, accepted.sessionId)
  c.header('x-loom-session', encodeURIComponent(id))
  const note = noteOf(c)
  if (note !== undefined) {
    const messageId = accepted.receipt?.logId
    Object.assign(note, { sessionId: id, ...(messageId !== undefined && { messageId }) })
  }
  return streamRun(c, world, { input, session, accepted })
}

async function auditDecisions(
  c: Context,
  { loom, principal, tenant }: SessionWorld,
  { sessionId, answers }: AcceptedRun,
): Promise<void> {
  for (const answer of answers) {
    if (answer.type !== 'approval') continue
    const action = answer.approved ? 'approve' : 'deny'
    const act = { principal, tenant, action, sessionId, approvalId: answer.approvalId } as const
    await audit(c, loom, act)
  }
}

async function letterRequest(
  world: SessionWorld,
  agent: string,
  { asked, context }: RunInput,
): Promise<LetterRequest> {
  const { subject } = world.principal
  const server = await world.serverContext?.()
  const whole = server === undefined ? context : withServerPart(context, server)
  return {
    agent,
    ...(subject !== undefined && { subject }),
    ...(whole !== undefined && { context: whole }),
    ...(asked !== undefined && { asked }),
  }
}
