/**
 * The media type of an image by its first bytes. The type that a client declares is often wrong (a
 * browser uses the file name), and providers refuse an image with a wrong type.
 */

const lengthMax = 12

/** Latin-1 strings at offsets. */
const signatures: readonly [mediaType: string, ...marks: [offset: number, bytes: string][]][] = [
  ['image/png', [0, '\x89PNG']],
  ['image/jpeg', [0, '\xff\xd8\xff']],
  ['image/gif', [0, 'GIF87a']],
  ['image/gif', [0, 'GIF89a']],
  ['image/webp', [0, 'RIFF'], [8, 'WEBP']],
  ['image/avif', [4, 'ftypavif']],
  ['image/heic', [4, 'ftypheic']],
  ['image/tiff', [0, 'II*\0']],
  ['image/tiff', [0, 'MM\0*']],
  ['image/bmp', [0, 'BM'], [6, '\0\0\0\0']],
]

/** @param data bytes or base64 */
export function imageMediaTypeOf(data: Uint8Array | string): string | undefined {
  const start =
    typeof data === 'string'
      ? Buffer.from(data.slice(0, Math.ceil(lengthMax / 3) * 4), 'base64')
      : Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, lengthMax))
  const head = start.toString('latin1')
  return signatures.find(([, ...marks]) =>
    marks.every(([offset, bytes]) => head.startsWith(bytes, offset)),
  )?.[0]
}

const byExtension: ReadonlyMap<string, string> = new Map([
  ['avif', 'image/avif'],
  ['gif', 'image/gif'],
  ['heic', 'image/heic'],
  ['jpeg', 'image/jpeg'],
  ['jpg', 'image/jpeg'],
  ['png', 'image/png'],
  ['svg', 'image/svg+xml'],
  ['webp', 'image/webp'],
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain'],
  ['mp3', 'audio/mpeg'],
  ['wav', 'audio/wav'],
  ['mp4', 'video/mp4'],
  ['webm', 'video/webm'],
])

/** The media type by the extension of the path, for a URL without a media type. */
export function mediaTypeOfUrl(url: URL): string {
  const extension = /\.([a-z0-9]+)$/i.exec(url.pathname)?.[1]?.toLowerCase() ?? ''
  return byExtension.get(extension) ?? 'application/octet-stream'
}
