/**
 * The id of the JSON-RPC request that asks a human (`elicitation/create`). It names the session and the call, so every
 * instance can post the answer to the session, and none waits for it.
 */
import { textField } from '../../src/ground/fields.ts'
import { jsonValueOf } from '../../src/ground/json.ts'

export interface QuestionId {
  /** The id by which the client names the session. */
  session: string
  /** The log of the answer that waits. */
  logId: string
  /** The id of the question. */
  key: string
}

const prefix = 'question:'

export const questionText = ({ session, logId, key }: QuestionId): string =>
  prefix + Buffer.from(JSON.stringify({ session, logId, key })).toString('base64url')

/** Returns undefined for an id that is not of a question. */
export function questionIn(id: unknown): QuestionId | undefined {
  if (typeof id !== 'string' || !id.startsWith(prefix)) return undefined
  const fields = jsonValueOf(Buffer.from(id.slice(prefix.length), 'base64url').toString())
  const [session, logId, key] = ['session', 'logId', 'key'].map((name) => textField(fields, name))
  if (session === undefined || logId === undefined || key === undefined) return undefined
  return { session, logId, key }
}
