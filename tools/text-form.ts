/**
 * The form of a text file that no model sees: a byte order mark and the line endings. `read_file` shows
 * neither, so a file that is written anew gets them back from the old one.
 */
import { isUtf8 } from 'node:buffer'

const mark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * The content in the form of the old text. Content that has a mark or `\r\n` of its own keeps its form.
 * @param old the beginning of the old file, perhaps cut within a character
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
  // Up to three bytes of the last character may be missing.
  return [0, 1, 2, 3].some((missing) => isUtf8(bytes.subarray(0, bytes.length - missing)))
}

/** Whether most lines end in `\r\n`. */
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
