/**
 * The session of a client of MCP 2025-11-25 and earlier (`Mcp-Session-Id`). Its id contains what the server must know of
 * the client, so every instance can serve it, and none stores anything for it. It gives no right. Later revisions of MCP
 * have no such sessions: each of their requests has this data.
 */
import { randomUUID } from 'node:crypto'

import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, isFields, textField } from '../../src/ground/fields.ts'
import { jsonValueOf } from '../../src/ground/json.ts'
import { showsForms } from '../../src/mcp-server/client-forms.ts'

export interface ClientToken {
  /** Identifies the client, whose request ids are unique in it. */
  id: string
  /** The revision of the protocol that both sides use. */
  version: string
  /** Whether the client shows forms to a human. */
  canAsk: boolean
}

/**
 * @param params those of the request `initialize`
 * @param version the revision that the server has chosen
 */
export function newToken(params: unknown, version: string): string {
  const canAsk = showsForms(fieldOf(params, 'capabilities'))
  const fields = { id: randomUUID(), version, canAsk }
  return Buffer.from(JSON.stringify(fields)).toString('base64url')
}

/**
 * Returns undefined if the request has none. Such a client gets no questions.
 * @throws LoomError `not-found`, after which a client begins a new session
 */
export function tokenOf(c: Context): ClientToken | undefined {
  const text = c.req.header('mcp-session-id')
  if (text === undefined) return undefined
  const fields = jsonValueOf(Buffer.from(text, 'base64url').toString())
  const [id, version] = [textField(fields, 'id'), textField(fields, 'version')]
  const canAsk = fieldOf(fields, 'canAsk')
  if (!isFields(fields) || id === undefined || version === undefined || typeof canAsk !== 'boolean')
    throw new LoomError('not-found', 'There is no such MCP session. Send initialize again.')
  return { id, version, canAsk }
}

/** The parameters of the `initialize` request of this client. */
export const initializeParams = ({ version, canAsk }: ClientToken) => ({
  protocolVersion: version,
  capabilities: canAsk ? { elicitation: {} } : {},
  clientInfo: { name: 'client', version: '0' },
})
