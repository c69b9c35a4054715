/**
 * Removes ids of items that OpenAI's Responses API does not have. The API stores the items of a
 * response when it has completed, and a request may then name them by their ids. It never stores
 * the items of a response that was stopped, interrupted or failed. A request that names one is
 * refused ("Item with id 'msg_1' not found"), so these items are sent by value. A message lists the
 * items of its interrupted steps in its metadata (`unstoredItems`).
 */
import type { UIMessage } from 'ai'

import { fieldOf, isFields } from '../../ground/fields.ts'

const metadataFields = [
  'providerMetadata',
  'callProviderMetadata',
  'resultProviderMetadata',
  'providerOptions',
]

/** Returns the message without ids of items that an incomplete step produced. */
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

/** Returns the ids of the items of a part. */
function itemIdsOf(part: object): string[] {
  return metadataFields.flatMap((name) => {
    const metadata = fieldOf(part, name)
    if (!isFields(metadata)) return []
    return Object.values(metadata).flatMap((value: unknown) => {
      const id = fieldOf(value, 'itemId')
      return typeof id === 'string' ? [id] : []
    })
  })
}

/** Returns the metadata that lists the items that were never stored, or undefined if there are none. */
export function unstoredItems(
  parts: readonly object[],
): { unstoredItems: Record<string, true> } | undefined {
  const ids = parts.flatMap(itemIdsOf)
  if (ids.length === 0) return undefined
  // This is an object because clients merge objects of metadata and replace lists.
  return { unstoredItems: Object.fromEntries(ids.map((id) => [id, true as const])) }
}

/** Returns a part of a message, or of a prompt, without its item id. */
export function withoutItemId<PART extends object>(part: PART): PART {
  const changed = Object.entries(part).map(([name, value]: [string, unknown]) =>
    metadataFields.includes(name) && isFields(value) ? [name, withoutIds(value)] : [name, value],
  )
  // The part keeps its type; only its metadata has fewer fields.
  return { ...part, ...Object.fromEntries(changed) }
}

/** The keys are provider names: `openai` or `azure`. */
const withoutIds = (metadata: object) =>
  Object.fromEntries(
    Object.entries(metadata).map(([provider, value]: [string, unknown]) => {
      if (!isFields(value)) return [provider, value]
      const { itemId: _, ...rest } = { ...value }
      return [provider, rest]
    }),
  )
