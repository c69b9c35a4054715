/** A message of another client, as a server sends it to the followers of a conversation. */
import type { UIMessage } from 'ai'

import { fieldsOf, textField } from '../../ground/fields.ts'

export function postedIn(data: unknown): Pick<UIMessage, 'id' | 'parts'> | undefined {
  const id = textField(data, 'id')
  const { parts } = fieldsOf(data)
  if (id === undefined || !Array.isArray(parts)) return undefined
  return { id, parts: parts.flatMap(partIn) }
}

function partIn(part: unknown): UIMessage['parts'] {
  const { type, text, url, mediaType, filename } = fieldsOf(part)
  if (type === 'text' && typeof text === 'string') return [{ type, text }]
  if (type !== 'file' || typeof url !== 'string' || typeof mediaType !== 'string') return []
  return [{ type, url, mediaType, ...(typeof filename === 'string' && { filename }) }]
}
