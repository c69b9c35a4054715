/** The ids of messages. The log of an answer has the id of its message. */
import { randomBytes } from 'node:crypto'

/**
 * Returns a new id of 16 random letters and digits, as `useChat` makes them. A history stores the id of an answer in five
 * places, so a UUID would take 100 bytes more.
 */
export const newMessageId = (): string =>
  randomBytes(12).toString('base64url').replaceAll('-', 'a').replaceAll('_', 'b')
