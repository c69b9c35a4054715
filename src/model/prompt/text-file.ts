/**
 * Text files. APIs accept few media types as files (images, PDF), and refuse JSON, source code or CSV,
 * but every model reads text. So a text file goes to the model as text with its name.
 */
import type { LanguageModelV4FilePart } from '@ai-sdk/provider'

type File = Pick<LanguageModelV4FilePart, 'data' | 'mediaType' | 'filename'>

/** Browsers send a video type for a TypeScript file: `.ts` is also the extension of an MPEG stream. */
const textInDisguise = /^(?:image\/svg\+xml|video\/(?:mp2t|vnd\.dlna\.mpeg-tts))$/i

/**
 * The file as a text with its name and media type. Undefined for a file that is not text, or whose
 * content is not in the prompt (a link, a file id). The bytes decide, not only the media type: a file
 * of an unknown type is text if it is valid UTF-8 without control characters.
 */
export function fileAsText({ data, mediaType, filename }: File): string | undefined {
  if (!mayBeText(mediaType)) return undefined
  const content =
    data.type === 'text'
      ? data.text
      : data.type === 'data'
        ? decoded(bytesOf(data.data), /^text\//i.test(mediaType))
        : undefined
  if (content === undefined) return undefined
  const name = filename === undefined ? '' : ` name="${attribute(filename)}"`
  return `<file${name} type="${attribute(mediaType)}">\n${content}${fileEnd}`
}

const fileStart = /^<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/gm
const fileEnd = '\n</file>'

/** Reads a text that begins with files of `fileAsText`: the files, and the words after the last one. */
export function splitTextFiles(text: string) {
  const end = text.lastIndexOf(fileEnd)
  const start = end === -1 ? 0 : end + fileEnd.length
  const starts = [...text.slice(0, start).matchAll(fileStart)]
  const files = starts.map(([, filename, mediaType = '']) => ({ filename, mediaType }))
  return { files, words: text.slice(start) }
}

/** Decides by the media type alone. False for files that are never sent as text, even if their bytes are text. */
export function mayBeText(mediaType: string): boolean {
  if (textInDisguise.test(mediaType)) return true
  return !/^(?:image|audio|video|font)\/|^application\/pdf$/i.test(mediaType)
}

const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === 'string' ? Buffer.from(data, 'base64') : data

/** @param hasTextType if true, older encodings are also tried: a CSV file often has one of Windows */
function decoded(bytes: Uint8Array, hasTextType: boolean): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return textIn(bytes, 'utf-16le')
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return textIn(bytes, 'utf-16be')
  const text = textIn(bytes, 'utf-8') ?? (hasTextType ? textIn(bytes, 'windows-1252') : undefined)
  return text === undefined || isBinary(text) ? undefined : text
}

/** Removes a byte order mark. Undefined if the bytes are not valid in this encoding. */
function textIn(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Whether a text has control characters other than tab, line ends, form feed and escape. */
// eslint-disable-next-line no-control-regex -- the pattern looks for control characters
const isBinary = (text: string) => /[\0-\x06\x0e-\x1a\x1c-\x1f]/.test(text)

const attribute = (value: string) => value.replaceAll('"', "'").replace(/\s+/g, ' ')
