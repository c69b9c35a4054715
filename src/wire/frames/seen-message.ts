/**
 * Converts a stored message for a reader of a profile. It leaves out the parts that the frames
 * leave out, so that a page which loads the history shows the same as it showed during the stream.
 */
import type { UIMessage } from 'ai'

import { isAtLeast, type Profile } from './encoder.ts'
import { deniedText } from './ui.ts'

type Part = UIMessage['parts'][number]

export function seenMessage(message: UIMessage, profile: Profile | undefined): UIMessage {
  if (isAtLeast(profile, 'v7') || message.role !== 'assistant') return message
  return { ...message, parts: message.parts.flatMap((part) => seenPart(part, profile)) }
}

function seenPart(part: Part, profile: Profile | undefined): Part[] {
  if (part.type === 'custom' || part.type === 'reasoning-file') return []
  if (!('toolCallId' in part)) return [part]
  const { title, resultProviderMetadata, ...seen } = {
    title: undefined,
    resultProviderMetadata: undefined,
    ...part,
  }
  const titled = isAtLeast(profile, 'v6') && title !== undefined ? { ...seen, title } : seen
  return [profile === 'v5' && titled.state === 'output-denied' ? withoutDenial(titled) : titled]
}

/** ai 5 has no denials. */
function withoutDenial({ approval, ...part }: object & { approval?: unknown }): Part
function withoutDenial({ approval, ...part }: object & { approval?: unknown }): unknown {
  return { ...part, state: 'output-error', errorText: deniedText }
}
