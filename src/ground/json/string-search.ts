/** Finds the next byte of a string that ends it or begins an escape. */
import { backslash, quote } from './syntax.ts'

/** In bytes. A native search costs as much as a loop over so many bytes. */
const nearMax = 48

/** The places of the next quote and of the next backslash, as far as they are known. */
export interface Search {
  quote: number
  escape: number
}

/** Returns the place of the next quote or backslash at or after `from`, or the length of the buffer. */
export function nextInString(buffer: Buffer, from: number, search: Search): number {
  const near = Math.min(buffer.length, from + nearMax)
  let at = from
  while (at < near && buffer[at] !== quote && buffer[at] !== backslash) at++
  return at === near && at < buffer.length ? ahead(buffer, at, search) : at
}

/** Searches each byte once for a quote and once for a backslash. */
function ahead(buffer: Buffer, at: number, search: Search): number {
  if (search.quote < at) search.quote = found(buffer, quote, at)
  if (search.escape < at) search.escape = found(buffer, backslash, at)
  return Math.min(search.quote, search.escape)
}

function found(buffer: Buffer, byte: number, from: number): number {
  const at = buffer.indexOf(byte, from)
  return at === -1 ? buffer.length : at
}
