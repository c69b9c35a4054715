/**
 * Detects the kind of a file from its first bytes, never from its name: a `.png` may be text. A file is
 * text if its first 8 KB hold no NUL, or if it begins with a UTF-16 byte order mark.
 */
import { isUtf8 } from 'node:buffer'

export type FileKind =
  | { kind: 'text'; encoding: 'utf-8' | 'utf-16le' | 'utf-16be'; bomBytes: number }
  | { kind: 'image'; mediaType: string }
  | { kind: 'binary'; description: string }

/** The number of bytes that decide the kind. */
export const headBytes = 8192

interface Signature {
  /** The bytes as Latin-1 text. */
  bytes: string
  at?: number
  name: string
  mediaType?: string
}

const signatures: readonly Signature[] = [
  { bytes: '\x89PNG\r\n\x1a\n', name: 'PNG image', mediaType: 'image/png' },
  { bytes: '\xff\xd8\xff', name: 'JPEG image', mediaType: 'image/jpeg' },
  { bytes: 'GIF87a', name: 'GIF image', mediaType: 'image/gif' },
  { bytes: 'GIF89a', name: 'GIF image', mediaType: 'image/gif' },
  { bytes: 'WEBP', at: 8, name: 'WebP image', mediaType: 'image/webp' },
  { bytes: 'BM', name: 'bitmap image' },
  { bytes: 'II*\0', name: 'TIFF image' },
  { bytes: 'MM\0*', name: 'TIFF image' },
  { bytes: '%PDF-', name: 'PDF document' },
  { bytes: 'PK\x03\x04', name: 'ZIP archive (or an office document, or a jar)' },
  { bytes: '\x1f\x8b', name: 'gzip archive' },
  { bytes: 'BZh', name: 'bzip2 archive' },
  { bytes: '\xfd7zXZ\0', name: 'xz archive' },
  { bytes: '\x28\xb5\x2f\xfd', name: 'Zstandard archive' },
  { bytes: '7z\xbc\xaf\x27\x1c', name: '7-Zip archive' },
  { bytes: 'ustar', at: 257, name: 'tar archive' },
  { bytes: '\x7fELF', name: 'ELF program' },
  { bytes: 'MZ', name: 'Windows program' },
  { bytes: '\xcf\xfa\xed\xfe', name: 'macOS program' },
  { bytes: '\xca\xfe\xba\xbe', name: 'Java class or macOS program' },
  { bytes: '\0asm', name: 'WebAssembly module' },
  { bytes: 'SQLite format 3\0', name: 'SQLite database' },
  { bytes: 'wOF2', name: 'WOFF2 font' },
  { bytes: 'OggS', name: 'Ogg media' },
  { bytes: 'ID3', name: 'MP3 audio' },
  { bytes: 'fLaC', name: 'FLAC audio' },
  { bytes: 'WAVE', at: 8, name: 'WAV audio' },
  { bytes: 'ftyp', at: 4, name: 'MP4 media' },
]

/** @param head the first `headBytes` of the file, or the whole file if it is shorter */
export function kindOf(head: Buffer): FileKind {
  const encoding = encodingOf(head)
  if (encoding !== undefined) return { kind: 'text', ...encoding }
  const text = head.toString('latin1')
  const signature = signatures.find(({ bytes, at = 0 }) => text.startsWith(bytes, at))
  // A signature of letters is not enough: a text may begin with "BM" or "ID3".
  const isBinary = head.includes(0) || (signature !== undefined && !isText(head))
  if (!isBinary) return { kind: 'text', encoding: 'utf-8', bomBytes: 0 }
  if (signature?.mediaType !== undefined) return { kind: 'image', mediaType: signature.mediaType }
  return { kind: 'binary', description: signature?.name ?? `unknown, begins with ${hexOf(head)}` }
}

/** Returns whether the bytes are UTF-8. The last character may be incomplete. */
const isText = (head: Buffer) =>
  [0, 1, 2, 3].some((cut) => isUtf8(head.subarray(0, Math.max(0, head.length - cut))))

function encodingOf(head: Buffer) {
  const [first, second, third, fourth] = head
  if (first === 0xef && second === 0xbb && third === 0xbf && !head.includes(0)) {
    return { encoding: 'utf-8', bomBytes: 3 } as const
  }
  // FF FE 00 00 marks UTF-32, which the tool does not read.
  if (first === 0xff && second === 0xfe && !(third === 0 && fourth === 0)) {
    return { encoding: 'utf-16le', bomBytes: 2 } as const
  }
  if (first === 0xfe && second === 0xff) return { encoding: 'utf-16be', bomBytes: 2 } as const
  return undefined
}

const hexOf = (head: Buffer) => head.toString('hex', 0, 8).replace(/..(?=.)/g, '$& ')
