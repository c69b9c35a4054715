/** `GET …/prompt`: the exact prompt of the next model call, to explain an unexpected answer. */
import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { nextPrompt } from '../src/session/next-prompt.ts'
import { withServerPart } from '../src/store/context.ts'
import { contextSchema } from './chat-request.ts'
import { jsonResponse } from './json-response.ts'
import { agentOf, ownSession, type SessionWorld } from './session-world.ts'

/**
 * `?context=` is the JSON context of the next message; agents may depend on it. Without it, the
 * prompt uses the context of the turn that runs or waits, or else the last context of the session.
 */
export async function prompt(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world, 'reader')
  const agent = agentOf(c, world, { session })
  const client = contextOf(c)
  const { serverContext } = world
  // The turn that runs or waits has its context already.
  const isNext = serverContext !== undefined && (client !== undefined || session.state === 'idle')
  const context = isNext ? withServerPart(client, await serverContext()) : client
  const next = await nextPrompt(world.loom, session, { agent, context })
  return jsonResponse(c, next, withBytesAsText)
}

function contextOf(c: Context): JSONObject | undefined {
  const text = c.req.query('context')
  if (text === undefined) return undefined
  try {
    const context = contextSchema.safeParse(JSON.parse(text))
    if (context.success) return context.data
  } catch {
    // Reported below, like any other value that is not an object.
  }
  throw new LoomError('invalid-request', 'context must be a JSON object.')
}

/** A file in a prompt is bytes. JSON has no bytes, so they become base64. */
const withBytesAsText = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
