/** Passages cut to what a model is shown, never through the middle of a character. */

/** At most so many UTF-16 units. */
export function cutToLength(text: string, length: number): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** At most so many bytes of UTF-8. */
export function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(cutToLength(text, bytes))
  if (encoded.length <= bytes) return encoded.toString()
  // In a stream, a character that is not whole yet is left out.
  return new TextDecoder().decode(encoded.subarray(0, bytes), { stream: true })
}
