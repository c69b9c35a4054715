/** Cuts texts, never within a character. */

/** Returns the beginning of the text, at most `length` UTF-16 code units. */
export function cutToLength(text: string, length: number): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** Returns the text, or its beginning and `…` if it is longer than `length` UTF-16 code units. */
export const shorten = (text: string, length: number): string =>
  text.length > length ? `${cutToLength(text, length - 1)}…` : text

/** Returns the beginning of the text, at most `bytes` bytes of UTF-8. */
export function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(cutToLength(text, bytes))
  if (encoded.length <= bytes) return encoded.toString()
  // With `stream`, the decoder leaves an incomplete last character out.
  return new TextDecoder().decode(encoded.subarray(0, bytes), { stream: true })
}
