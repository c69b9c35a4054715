/** `GET …/prompt`: exactly what the model would be asked next, for whoever wonders why it says what it says. */
import type { JSONObject } from '@ai-sdk/provider'
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { nextPrompt } from '../src/session/next-prompt.ts'
import { contextSchema } from './chat-request.ts'
import { jsonResponse } from './json-response.ts'
import { agentOf, ownSession, type SessionWorld } from './session-world.ts'

/**
 * `?context=` is the JSON that the next message would bring along; agents may depend on it. Without it,
 * the prompt has the context of the turn that runs or waits, or else the session's last.
 */
export async function prompt(c: Context, world: SessionWorld): Promise<Response> {
  const session = await ownSession(c, world)
  const agent = agentOf(c, world, { session })
  const next = await nextPrompt(world.loom, session, { agent, context: contextOf(c) })
  return jsonResponse(c, next, withBytesAsText)
}

function contextOf(c: Context): JSONObject | undefined {
  const text = c.req.query('context')
  if (text === undefined) return undefined
  try {
    const context = contextSchema.safeParse(JSON.parse(text))
    if (context.success) return context.data
  } catch {
    // Told below, as any other value that is no object.
  }
  throw new LoomError('invalid-request', 'context must be a JSON object.')
}

/** Files are bytes in a prompt. */
const withBytesAsText = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
