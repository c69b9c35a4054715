/**
 * The AI SDK's UI message stream: one SSE event for each chunk. A frame is the same for all readers
 * of a profile, so it can be encoded once for many readers. The caller adds the `id` line before
 * it.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import type { Encoder, Profile } from './encoder.ts'
import { fieldsOf } from './fields.ts'
import type { Fields } from './fields.ts'
import { toSafeJson } from './json.ts'

/** The end of every stream that was not cut. Clients skip it; `curl` users and proxies see it. */
const doneFrame = 'data: [DONE]\n\n'

const uiHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-vercel-ai-ui-message-stream': 'v1',
  // Without this header nginx buffers the response.
  'x-accel-buffering': 'no',
}

/** Returns the frame of an event, or undefined if readers of this profile must not receive it. */
export function encodeFrame(event: AgentEvent, profile: Profile | undefined): string | undefined {
  if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
    // Nine of ten events take this path, without the allow-list and without an object.
    if (event.providerMetadata === undefined) return deltaFrame(event)
  }
  if (event.type === 'tool-output-denied' && profile === 'v5') {
    return encodeFrame(refusalOf(event), profile)
  }
  const fields = fieldsOf(event.type, profile)
  return fields === undefined ? undefined : `data: ${toSafeJson(chunkOf(event, fields))}\n\n`
}

function deltaFrame({ type, id, delta }: EventOf<'text-delta' | 'reasoning-delta'>): string {
  return `data: {"type":"${type}","id":${JSON.stringify(id)},"delta":${JSON.stringify(delta)}}\n\n`
}

/** The error text that ai 5 receives in place of a denial. */
export const deniedText = 'This tool call was not allowed.'

/** ai 5 has no denials: without an output, its part would wait for ever. */
function refusalOf(event: EventOf<'tool-output-denied'>): EventOf<'tool-output-error'> {
  const { toolCallId, dynamic } = event
  return {
    type: 'tool-output-error',
    toolCallId,
    errorText: deniedText,
    ...(dynamic === true && { dynamic }),
  }
}

function chunkOf(event: AgentEvent, { required, optional }: Fields): Record<string, unknown> {
  const chunk: Record<string, unknown> = { type: event.type }
  const values = new Map(Object.entries<unknown>({ ...event }))
  for (const key of required) chunk[key] = values.get(key) ?? null
  for (const key of optional) {
    const value = values.get(key)
    if (value !== undefined && value !== null && value !== false) chunk[key] = value
  }
  return chunk
}

export function uiEncoder(profile: Profile | undefined): Encoder {
  return {
    sharedAs: `ui ${profile ?? 'undeclared'}`,
    headers: uiHeaders,
    encode(event, cursor) {
      const frame = encodeFrame(event, profile)
      return frame === undefined ? undefined : `id: ${cursor}\n${frame}`
    },
    last: doneFrame,
    keepAlive: ': keep-alive\n\n',
    reportsErrors: true,
  }
}
