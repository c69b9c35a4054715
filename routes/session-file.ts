/** The route of a file of a message that the server keeps apart from the history. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { ownSession, type SessionWorld } from './session-world.ts'

const hashForm = /^[0-9a-f]{64}$/

/** Types that a browser shows without running anything in them. SVG and HTML are not among them. */
const shown = /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|(?:audio|video)\/[\w.+-]+|text\/plain)$/

const mediaTypeForm = /^[\w.+-]+\/[\w.+-]+$/

export async function file(c: Context, world: SessionWorld): Promise<Response> {
  const { id } = await ownSession(c, world, 'reader')
  const hash = c.req.param('hash') ?? ''
  const found = hashForm.test(hash) ? await world.loom.sessions.file(id, hash) : undefined
  if (found === undefined) {
    throw new LoomError(
      'not-found',
      'The session has no such file. Load its messages again: they have the addresses of their files.',
    )
  }
  const mediaType = found.mediaType.toLowerCase()
  const isShown = shown.test(mediaType)
  const etag = `"${hash}"`
  const headers = {
    // The right to read may end, so a browser asks each time. It sends the tag, and gets no body.
    'cache-control': 'private, no-cache',
    etag,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  }
  if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers)
  return c.body(new Uint8Array(found.bytes), 200, {
    ...headers,
    'content-type': mediaTypeForm.test(mediaType) ? found.mediaType : 'application/octet-stream',
    'content-disposition': disposition(isShown, found.filename),
  })
}

/** See RFC 6266 and RFC 8187. Only visible ASCII characters, so a name cannot end the header. */
function disposition(isShown: boolean, filename: string | undefined): string {
  const kind = isShown ? 'inline' : 'attachment'
  if (filename === undefined || filename === '') return kind
  const encoded = encodeURIComponent(filename.toWellFormed()).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${kind}; filename*=UTF-8''${encoded}`
}
