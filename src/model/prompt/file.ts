/**
 * Converts files of a conversation to parts of a prompt. Their forms are tagged objects, bytes, base64,
 * URLs and `data:` URLs. A history that was stored as JSON has strings instead of `URL` objects.
 */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4ReasoningFilePart,
  SharedV4FileData,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'

import { imageMediaTypeOf } from './media-type.ts'
import { optionsOf, refuse } from './part.ts'

interface InputFile {
  data: unknown
  mediaType?: string | undefined
  filename?: string | undefined
  providerOptions?: SharedV4ProviderOptions | undefined
}

interface ReadFile {
  data: SharedV4FileData
  /** The media type in a `data:` URL. */
  mediaType?: string
}

export function filePart(input: InputFile): LanguageModelV4FilePart {
  const file = readFile(input.data)
  const imageType = file.data.type === 'data' ? imageMediaTypeOf(file.data.data) : undefined
  const mediaType = imageType ?? file.mediaType ?? (input.mediaType || untypedBytes(file.data))
  if (typeof mediaType !== 'string') return refuse('a file needs a "mediaType"')
  return {
    type: 'file',
    data: file.data,
    mediaType: wholeMediaType(mediaType),
    ...(typeof input.filename === 'string' && { filename: input.filename }),
    ...optionsOf(input),
  }
}

/** Browsers send an empty type for most source code. Then the bytes show the type. */
const untypedBytes = ({ type }: SharedV4FileData) =>
  type === 'data' ? 'application/octet-stream' : undefined

export function reasoningFilePart(input: InputFile): LanguageModelV4ReasoningFilePart {
  const { data, mediaType, providerOptions } = filePart(input)
  if (data.type !== 'data' && data.type !== 'url') {
    return refuse('a reasoning file must be bytes, base64 or a URL')
  }
  return { type: 'reasoning-file', data, mediaType, ...(providerOptions && { providerOptions }) }
}

/** `image` and `image/*` mean the same, but only the second starts with `image/`. */
const wholeMediaType = (mediaType: string) =>
  mediaType.includes('/') ? mediaType : `${mediaType}/*`

function readFile(value: unknown): ReadFile {
  if (typeof value === 'string') return readString(value)
  if (typeof value !== 'object' || value === null) return refuse('a file needs "data"')
  if (value instanceof URL) return readUrl(value)
  const bytes = bytesOf(value)
  if (bytes !== undefined) return { data: { type: 'data', data: bytes } }
  return 'type' in value && typeof value.type === 'string'
    ? readTyped(value, value.type)
    : { data: { type: 'reference', reference: referenceOf(value) } }
}

function readTyped(value: object, type: string): ReadFile {
  switch (type) {
    case 'data':
      return readFile('data' in value ? value.data : undefined)
    case 'url': {
      const file = readFile('url' in value ? value.url : undefined)
      if (file.data.type === 'url' && 'originalUrl' in value) {
        if (typeof value.originalUrl === 'string') file.data.originalUrl = value.originalUrl
      }
      return file
    }
    case 'reference':
      return {
        data: { type, reference: referenceOf('reference' in value ? value.reference : null) },
      }
    case 'text':
      if (!('text' in value) || typeof value.text !== 'string') break
      return { data: { type, text: value.text } }
  }
  return refuse('the "data" of a file is of no known form')
}

function bytesOf(value: object): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

/** The ids of the file by provider. */
function referenceOf(value: unknown): Record<string, string> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const ids = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  if (ids.length === 0 || ids.length < entries.length) {
    return refuse('the "data" of a file is of no known form')
  }
  return Object.fromEntries(ids)
}

/** Reads a URL or base64, which has no colon. A `data:` URL is not parsed as a URL: it may have megabytes. */
function readString(text: string): ReadFile {
  if (text === '') return refuse('a file is empty')
  if (/^data:/i.test(text)) return readDataUrl(text)
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return { data: { type: 'data', data: text } }
  if (!URL.canParse(text)) return refuse('a file has a URL that cannot be parsed')
  const url = new URL(text)
  // Some providers compare URLs by their exact text.
  return { data: { type: 'url', url, ...(url.href !== text && { originalUrl: text }) } }
}

const readUrl = (url: URL): ReadFile =>
  url.protocol === 'data:' ? readDataUrl(url.href) : { data: { type: 'url', url } }

/** Characters. The parameters are split into a list, and no valid URL has a longer head. */
const dataHeadMax = 1024

/** RFC 2397: `data:[<media type>][;<parameter>]*[;base64],<data>`. */
function readDataUrl(text: string): ReadFile {
  const comma = text.indexOf(',')
  if (comma === -1) return refuse('a file has a "data:" URL without a comma')
  if (comma > dataHeadMax) return refuse('a file has a "data:" URL whose media type is too long')
  const [mediaType = '', ...parameters] = text.slice('data:'.length, comma).split(';')
  const isBase64 = parameters.at(-1)?.trim().toLowerCase() === 'base64'
  const body = text.slice(comma + 1)
  const bytes = isBase64 && !body.includes('%') ? body : percentDecoded(body)
  const data = isBase64 ? bytes : Buffer.from(bytes, 'latin1').toString('base64')
  return { data: { type: 'data', data }, ...(mediaType !== '' && { mediaType }) }
}

/** The bytes, one per character. Decoded in place, because it may have megabytes. Base64 is rarely escaped. */
function percentDecoded(text: string): string {
  const bytes = Buffer.from(text)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    const high = byte === 0x25 ? hexDigit(bytes[at + 1]) : -1
    const low = high === -1 ? -1 : hexDigit(bytes[at + 2])
    const isEscape = low !== -1
    bytes[length++] = isEscape ? high * 16 + low : byte
    if (isEscape) at += 2
  }
  return bytes.toString('latin1', 0, length)
}

/** Returns -1 for any other character. */
function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
