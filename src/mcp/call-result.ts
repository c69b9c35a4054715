/**
 * Repairs the result of a call. The MCP client validates a result as a whole, so one invalid part would lose
 * the answer of a call that has run. The repaired result fits the protocol's schema
 * (https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result).
 */
import { isFields, objectIn } from '../ground/fields.ts'

/** Returns a result whose parts are valid. A part that cannot be repaired becomes a text. */
export function repairCallResult(value: unknown): Record<string, unknown> {
  if (!isFields(value)) return { content: contentOf(value) }
  // `toolResult` is the form of the protocol of 2024-10-07.
  const { content, structuredContent, toolResult, isError, _meta, ...rest } = value
  return {
    ...rest,
    content: contentOf(content ?? toolResult),
    ...(structuredContent != null && { structuredContent }),
    ...(typeof isError === 'boolean' && { isError }),
    ...(isFields(_meta) && { _meta }),
  }
}

function contentOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(repairPart)
  return repairPart(value)
}

function repairPart(value: unknown): unknown[] {
  if (value === undefined || value === null) return []
  const part = objectIn(value)
  if (part === undefined) return [textPart(value)]
  const { type, text, uri, name } = part
  switch (type) {
    case 'text':
      if (typeof text === 'string') return [part]
      return text === undefined || text === null ? [] : [textPart(text)]
    case 'image':
      return [repairImage(part)]
    case 'resource':
      return [isResource(part['resource']) ? part : textPart(part)]
    case 'resource_link':
      if (typeof uri !== 'string') return [textPart(part)]
      return [{ ...part, name: typeof name === 'string' ? name : uri }]
    default:
      if (typeof type === 'string') return [part]
      return [textPart(typeof text === 'string' ? text : part)]
  }
}

/** Some servers send a `data:` URL, base64 with line breaks or without its padding, or no media type. */
function repairImage(part: Record<string, unknown>): unknown {
  const { data, mimeType } = part
  if (typeof data !== 'string') return textPart(part)
  const [, urlType, urlData] = /^data:([^;,]*);base64,(.*)$/s.exec(data) ?? []
  const plain = (urlData ?? data).replace(/\s+/g, '').replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]+$/.test(plain) || plain.length % 4 === 1) {
    return textPart('[An image whose data is not valid base64]')
  }
  const ownType = typeof mimeType === 'string' && mimeType !== '' ? mimeType : undefined
  const mediaType = ownType ?? (urlType || typeOf(plain))
  if (mediaType === undefined) return textPart('[An image of an unknown type]')
  const padded = plain.padEnd(Math.ceil(plain.length / 4) * 4, '=')
  return { ...part, type: 'image', data: padded, mimeType: mediaType }
}

/** The first bytes of the common image types, in base64. */
const beginnings = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
] as const

const typeOf = (data: string): string | undefined =>
  beginnings.find(([beginning]) => data.startsWith(beginning))?.[1]

function isResource(value: unknown): boolean {
  const { uri, text, blob } = objectIn(value) ?? {}
  if (typeof uri !== 'string') return false
  return typeof text === 'string' || (typeof blob === 'string' && isBase64(blob))
}

const isBase64 = (text: string): boolean =>
  text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)

const textPart = (value: unknown) => ({
  type: 'text',
  text: typeof value === 'string' ? value : JSON.stringify(value),
})
