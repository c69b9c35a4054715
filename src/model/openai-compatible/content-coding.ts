/**
 * Decodes a response body that a server or proxy compressed although the request asked for none
 * (RFC 9110, 8.4). The bytes decide, not only the header: some proxies decode a body and keep its
 * header, and some servers write `none` or the name of a character set there.
 */
import type { Transform } from 'node:stream'
import { constants } from 'node:zlib'
import * as zlib from 'node:zlib'

export interface BodyDecoder {
  /** Returns the decoded bytes that these bytes add. */
  decode: (bytes: Uint8Array) => Promise<Uint8Array>
}

/** With fewer bytes it is not certain whether a body is text. */
export const codingStartBytes = 8

/** The codings of a `content-encoding` field in the order in which they were applied. */
export function codingsOf(field: string | undefined): string[] {
  return (field ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim().replace(/^x-/, ''))
    .filter((coding) => coding in openers || coding === 'compress')
}

/** Returns undefined if the body is plain text, also if the header names a coding. */
export function bodyDecoder(
  codings: readonly string[],
  start: Uint8Array,
): BodyDecoder | undefined {
  if (isText(start)) return undefined
  const isGzip = start[0] === 0x1f && start[1] === 0x8b
  const applied = codings.length === 0 && isGzip ? ['gzip'] : codings
  if (applied.length === 0) return undefined
  const chain = applied.toReversed().map((coding) => inflater(openers[coding]?.(start)))
  return {
    decode: async (bytes) => {
      let decoded = bytes
      for (const decode of chain) decoded = await decode(decoded)
      return decoded
    },
  }
}

/** A missing end is no error here: the answer itself shows whether it is complete. */
const flush = { finishFlush: constants.Z_SYNC_FLUSH }

const openers: Record<string, (start: Uint8Array) => Transform> = {
  gzip: () => zlib.createGunzip(flush),
  br: () => zlib.createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => zlib.createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
  // Many servers leave out the zlib header, against the standard.
  deflate: (start) =>
    hasZlibHeader(start) ? zlib.createInflate(flush) : zlib.createInflateRaw(flush),
}

function hasZlibHeader([first = 0, second = 0]: Uint8Array): boolean {
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
}

/** Whether a body starts like an event stream, JSON or an HTML page. */
function isText(start: Uint8Array): boolean {
  const text = Buffer.from(start.buffer, start.byteOffset, Math.min(start.length, 16)).toString()
  return /^\uFEFF?\s*(?:data:|data |event:|id:|retry:|:[ \w\n-]|\{\s*"|\[\s*\{|<[!a-z])/i.test(text)
}

function inflater(stream: Transform | undefined) {
  const pieces: Uint8Array[] = []
  let failure: Error | undefined
  let onFailure: ((error: Error) => void) | undefined
  stream?.on('data', (piece: Uint8Array) => pieces.push(piece))
  stream?.on('error', (error) => {
    failure = error
    onFailure?.(error)
  })
  return async (bytes: Uint8Array): Promise<Uint8Array> => {
    if (stream === undefined) return bytes
    if (failure !== undefined) throw failure
    await new Promise<void>((resolve, reject) => {
      onFailure = reject
      stream.write(bytes, (error) => (error == null ? resolve() : reject(error)))
    })
    return Buffer.concat(pieces.splice(0))
  }
}
