/**
 * The encoding, the byte order mark and the line endings of a text file. `read_file` shows none of them to
 * the model, so `write_file` takes them over from the old file.
 */
import { kindOf } from './read-file/kind.ts'

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'

/**
 * Returns the content with the encoding, the byte order mark and the line endings of the old text. Content
 * that has a mark or `\r\n` itself keeps it. An old text that is not UTF-8 and has no byte order mark
 * becomes UTF-8.
 * @param old the beginning of the old file; its end may be within a character
 */
export function inFormOf(old: Uint8Array, content: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(old.buffer, old.byteOffset, old.byteLength)
  const kind = kindOf(bytes)
  if (kind.kind !== 'text') return Buffer.from(content)
  const { encoding, bomBytes } = kind
  const ending = lineEnding(decoded(bytes, encoding))
  const isOwn = ending === '\n' || content.includes('\r\n')
  const text = isOwn ? content : content.replaceAll('\n', ending)
  const isMarked = bomBytes > 0 && !content.startsWith('\ufeff')
  return encoded(isMarked ? `\ufeff${text}` : text, encoding)
}

function decoded(bytes: Buffer, encoding: Encoding): string {
  if (encoding === 'utf-8') return bytes.toString('latin1')
  const even = bytes.subarray(0, bytes.length & ~1)
  return (encoding === 'utf-16be' ? Buffer.from(even).swap16() : even).toString('utf16le')
}

function encoded(text: string, encoding: Encoding): Buffer<ArrayBuffer> {
  if (encoding === 'utf-8') return Buffer.from(text)
  const bytes = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16be' ? bytes.swap16() : bytes
}

/** Returns the ending of most lines. `\r` alone ends lines only in a text without any `\n` (Mac OS 9). */
function lineEnding(text: string): '\n' | '\r\n' | '\r' {
  let returns = 0
  let lines = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    lines += 1
    if (text[at - 1] === '\r') returns += 1
  }
  if (lines === 0) return text.includes('\r') ? '\r' : '\n'
  return returns * 2 > lines ? '\r\n' : '\n'
}
