/** What a message of the user keeps of its request, in its metadata. The readers of the session can see it. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { fieldOf, fieldsOf, textField } from '../../src/ground/fields.ts'
import type { ResponseBody } from './response-body.ts'

const field = 'response'

/** Returns undefined if the request has nothing to keep. */
export function messageMetadata({
  metadata,
  tools,
  previous_response_id: previous,
}: ResponseBody): JSONObject | undefined {
  const names = (tools ?? []).map(({ name }) => name)
  const kept: JSONObject = {
    ...(Object.keys(metadata ?? {}).length > 0 && { metadata: { ...metadata } }),
    ...(names.length > 0 && { tools: names }),
    ...(typeof previous === 'string' && { previous }),
  }
  return Object.keys(kept).length === 0 ? undefined : { [field]: kept }
}

/** The names of the tools of the client that the request of a message had. */
export function clientToolsOf(message: UIMessage | undefined): ReadonlySet<string> {
  const tools = fieldOf(fieldOf(message?.metadata, field), 'tools')
  return new Set(Array.isArray(tools) ? tools.filter((name) => typeof name === 'string') : [])
}

export function metadataOf(message: UIMessage | undefined): Record<string, string> {
  const metadata = fieldOf(fieldOf(message?.metadata, field), 'metadata')
  return Object.fromEntries(
    Object.entries(fieldsOf(metadata)).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  )
}

/** The id of the response that the request of a message continued. Null if it continued none. */
export const previousOf = (message: UIMessage | undefined): string | null =>
  textField(fieldOf(message?.metadata, field), 'previous') ?? null
