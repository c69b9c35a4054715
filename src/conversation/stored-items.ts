/**
 * OpenAI's Responses API stores the items of a response once it has completed, and a request may then
 * name them by their ids. The items of a response that was stopped or failed were never stored: a
 * request that names one is refused ("Item with id 'msg_1' not found"), so they go back by value.
 */
import type { UIMessage } from 'ai'

import { fieldOf, isFields } from './fields.ts'

const metadataFields = ['providerMetadata', 'callProviderMetadata', 'resultProviderMetadata']

/** The message, without ids of items in the last step of an answer that did not complete. */
export function withoutUnstoredItems(message: UIMessage): UIMessage {
  const outcome = fieldOf(message.metadata, 'outcome')
  if (message.role !== 'assistant' || (outcome !== 'aborted' && outcome !== 'error')) return message
  const last = message.parts.findLastIndex(
    ({ type }, index) => type === 'step-start' && index < message.parts.length - 1,
  )
  const parts = message.parts.map((part, index) => (index < last ? part : withoutItemId(part)))
  return { ...message, parts }
}

function withoutItemId<PART extends object>(part: PART): PART {
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
