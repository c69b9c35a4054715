/**
 * The byte order mark and the line endings of a text file. `read_file` shows neither to the model, so
 * `write_file` takes them over from the old file.
 */
import { isUtf8 } from 'node:buffer'

const mark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * Returns the content with the byte order mark and the line endings of the old text. Content that has a
 * mark or `\r\n` itself stays as it is.
 * @param old the beginning of the old file; its end may be within a character
 */
export function inFormOf(old: Uint8Array, content: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(old.buffer, old.byteOffset, old.byteLength)
  if (!isText(bytes)) return Buffer.from(content)
  const isMarked = bytes.subarray(0, mark.length).equals(mark) && !content.startsWith('\ufeff')
  const text = hasReturns(bytes) && !content.includes('\r\n') ? withReturns(content) : content
  return Buffer.from(isMarked ? `\ufeff${text}` : text)
}

function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false
  // The cut may leave up to three bytes of the last character.
  return [0, 1, 2, 3].some((missing) => isUtf8(bytes.subarray(0, bytes.length - missing)))
}

/** Returns whether most lines end in `\r\n`. */
function hasReturns(bytes: Buffer): boolean {
  let returns = 0
  let lines = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    lines += 1
    if (bytes[at - 1] === 13) returns += 1
  }
  return returns * 2 > lines
}

const withReturns = (text: string) => text.replaceAll('\n', '\r\n')
