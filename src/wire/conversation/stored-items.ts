/**
 * OpenAI's Responses API stores the items of a response once it has completed, and a request may then
 * name them by their ids. The items of a response that was stopped, broke off or failed were never
 * stored: a request that names one is refused ("Item with id 'msg_1' not found"), so they go back by
 * value. A message lists the items of its steps that broke off in its metadata (`unstoredItems`).
 */
import type { UIMessage } from 'ai'

import { fieldOf, isFields } from '../../ground/fields.ts'

const metadataFields = [
  'providerMetadata',
  'callProviderMetadata',
  'resultProviderMetadata',
  'providerOptions',
]

/** The message, without ids of items in a step of an answer that did not complete. */
export function withoutUnstoredItems(message: UIMessage): UIMessage {
  if (message.role !== 'assistant') return message
  const outcome = fieldOf(message.metadata, 'outcome')
  const isCut = outcome === 'aborted' || outcome === 'error'
  const unstored = fieldOf(message.metadata, 'unstoredItems')
  if (!isCut && !isFields(unstored)) return message
  const last = message.parts.findLastIndex(
    ({ type }, index) => type === 'step-start' && index < message.parts.length - 1,
  )
  const parts = message.parts.map((part, index) =>
    (isCut && index >= last) ||
    (isFields(unstored) && itemIdsOf(part).some((id) => Object.hasOwn(unstored, id)))
      ? withoutItemId(part)
      : part,
  )
  return { ...message, parts }
}

/** The ids of the items that a part came in. */
export function itemIdsOf(part: object): string[] {
  return metadataFields.flatMap((name) => {
    const metadata = fieldOf(part, name)
    if (!isFields(metadata)) return []
    return Object.values(metadata).flatMap((value: unknown) => {
      const id = fieldOf(value, 'itemId')
      return typeof id === 'string' ? [id] : []
    })
  })
}

/** The metadata of a message that says which items of it were never stored; undefined for none. */
export function unstoredItems(
  parts: readonly object[],
): { unstoredItems: Record<string, true> } | undefined {
  const ids = parts.flatMap(itemIdsOf)
  if (ids.length === 0) return undefined
  // An object, since clients merge objects of metadata and replace lists.
  return { unstoredItems: Object.fromEntries(ids.map((id) => [id, true as const])) }
}

/** A part of a message, or of a prompt, that names no item. */
export function withoutItemId<PART extends object>(part: PART): PART {
  const changed = Object.entries(part).map(([name, value]: [string, unknown]) =>
    metadataFields.includes(name) && isFields(value) ? [name, withoutIds(value)] : [name, value],
  )
  // The same part, with less in its metadata.
  return { ...part, ...Object.fromEntries(changed) }
}

/** By provider: the key is `openai`, or `azure`. */
const withoutIds = (metadata: object) =>
  Object.fromEntries(
    Object.entries(metadata).map(([provider, value]: [string, unknown]) => {
      if (!isFields(value)) return [provider, value]
      const { itemId: _, ...rest } = { ...value }
      return [provider, rest]
    }),
  )
