/**
 * The full media type of a file whose sender gave only its kind (`image`, `image/*`). APIs that accept a
 * `data:` URL require the full type, so it is derived from the first bytes.
 */
import { UnsupportedFunctionalityError } from '@ai-sdk/provider'

/** First bytes as hexadecimal digits; a dot stands for any digit. */
const signatures: readonly [mediaType: string, start: RegExp][] = [
  ['image/png', /^89504e47/],
  ['image/jpeg', /^ffd8/],
  ['image/gif', /^47494638(37|39)61/],
  ['image/webp', /^52494646.{8}57454250/],
  ['image/bmp', /^424d.{8}00000000/],
  ['image/tiff', /^(49492a00|4d4d002a)/],
  ['image/avif', /^000000..6674797061766966/],
  ['image/heic', /^000000..6674797068656963/],
  ['application/pdf', /^25504446/],
  ['audio/wav', /^52494646.{8}57415645/],
  ['audio/mpeg', /^(494433|fff[ab23]|ffe[23])/],
  ['video/mp4', /^000000..66747970/],
  ['video/webm', /^1a45dfa3/],
]

/** The part before the slash. */
export function kindOf(mediaType: string): string {
  const slash = mediaType.indexOf('/')
  return slash === -1 ? mediaType : mediaType.slice(0, slash)
}

/** @throws UnsupportedFunctionalityError if the type is not full and the bytes do not show it. */
export function fullMediaType(mediaType: string, base64: string): string {
  const kind = kindOf(mediaType)
  const subtype = mediaType.slice(kind.length + 1)
  if (subtype !== '' && subtype !== '*') return mediaType
  const start = Buffer.from(base64.slice(0, 24), 'base64').toString('hex')
  for (const [full, pattern] of signatures) {
    if (full.startsWith(`${kind}/`) && pattern.test(start)) return full
  }
  throw new UnsupportedFunctionalityError({
    functionality: `file of media type "${mediaType}" whose subtype its bytes do not tell`,
  })
}
