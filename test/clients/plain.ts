/**
 * Messages in the form that every client has: without random ids, times, and the few fields that
 * only some clients or profiles have. The rest must be equal everywhere, character by character.
 */
import { fieldOf, isFields } from '../../src/ground/fields.ts'
import type { Fields } from '../../src/ground/fields.ts'
import type { Message } from '../clients.ts'

export function plainMessages(messages: readonly Message[]): unknown {
  return messages.map((message, index) => ({
    ...plainMessage(message),
    id: `message ${index}`,
  }))
}

export function plainMessage(message: Message): object {
  return JSON.parse(JSON.stringify(message, plainField))
}

/** A message as readable text, with one line for each part. */
export function outlineOf(message: unknown): string[] {
  const parts = fieldOf(message, 'parts')
  return (Array.isArray(parts) ? parts : []).map((part: unknown) =>
    ['type', 'toolName', 'state', 'text', 'errorText']
      .map((name) => fieldOf(part, name))
      .filter((value) => value !== undefined && value !== 'done')
      .map((value) => String(value).split('\n')[0])
      .join(' '),
  )
}

/** Removes times from the metadata, and the model name, which contains a counter of the test. */
const drawnAnew = new Set(['createdAt', 'durationMs', 'timeToFirstTokenMs', 'model'])

function plainField(key: string, value: unknown): unknown {
  if (drawnAnew.has(key)) return undefined
  if (!isFields(value)) return value
  // Clients of 2025 drop the id of a reasoning part.
  if (value['type'] === 'reasoning') return { ...value, id: undefined }
  // ai 5 has no metadata on files.
  if (value['type'] === 'file') return { ...value, providerMetadata: undefined }
  if ('toolCallId' in value) return plainToolPart(value)
  // Approval ids are signed.
  if (key === 'approval') return { ...value, id: 'approval' }
  return value
}

/**
 * Only the profiles v6 and v7 contain titles of tools, because the first releases of ai 5 refuse
 * them. A refused input is `rawInput` in ai 5 and 6. Of an incomplete input, newer clients keep the
 * text, and older clients keep the part that can be parsed.
 */
function plainToolPart({ rawInput, title: _, ...part }: Fields): Fields {
  if (part['state'] === 'input-streaming') return { ...part, input: undefined }
  return rawInput === undefined ? part : { ...part, input: rawInput }
}
