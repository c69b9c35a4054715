/**
 * The context of a turn: JSON for the callbacks and the tools of an agent. It has a client's part and, in a
 * server with `contextOf`, the server's part, which the server makes anew for each message. The parts stay
 * apart in the store, so that a field of the server's part does not become one of the client's, and does not
 * outlive its message. Stores keep a context as one JSON object and pass it on unchanged, except for
 * `contextAfter`.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'

import { isJsonObject } from '../ground/json.ts'

/** The field of a stored context that holds the server's part. No client may send it. */
export const serverField = 'loom:server'

/** The field of a stored context that holds the client's part, beside the server's part. */
const clientField = 'loom:client'

/**
 * Returns the stored form of a context with a server's part.
 * @param client the client's part. Undefined keeps the one of the session.
 */
export const withServerPart = (client: JSONObject | undefined, server: JSONObject): JSONObject => ({
  ...(client !== undefined && { [clientField]: client }),
  [serverField]: server,
})

/** The parts of a stored context. A context without a server's part is the client's. */
export function contextParts(stored: JSONObject): {
  client: JSONObject | undefined
  server: JSONObject | undefined
} {
  const server = objectIn(stored[serverField])
  if (server === undefined) return { client: stored, server: undefined }
  return { client: objectIn(stored[clientField]), server }
}

/** Returns the context as the agent receives it: the server's part over the client's. */
export function mergedContext(stored: JSONObject): JSONObject {
  const { client, server } = contextParts(stored)
  return { ...client, ...server }
}

/**
 * Returns the context of a turn whose letter brings `letter`, in a session with the context `before`. A letter
 * that brings only a server's part keeps the client's part of the session.
 */
export function contextAfter(
  letter: JSONObject | undefined,
  before: JSONObject | undefined,
): JSONObject | undefined {
  if (letter === undefined) return before
  const { client, server } = contextParts(letter)
  if (client !== undefined || server === undefined || before === undefined) return letter
  return withServerPart(contextParts(before).client, server)
}

const objectIn = (value: JSONValue | undefined): JSONObject | undefined =>
  isJsonObject(value) ? value : undefined
