/**
 * Where a conversation can be cut in two so that the second part is complete: before a message of the
 * user or the assistant, and never between a call and its result or an approval and its decision.
 */
import type { ModelMessage } from 'ai'

import { messageTokens } from './estimate.ts'
import type { Origins } from './origins.ts'

/** For each message, whether a cut before it is allowed. */
export function cutsIn(messages: readonly ModelMessage[]): boolean[] {
  const pairs = openPairs(messages)
  return messages.map(({ role }, index) => {
    return (role === 'user' || role === 'assistant') && pairs[index] === 0
  })
}

/** For each message, the number of pairs that a cut before it would separate. */
function openPairs(messages: readonly ModelMessage[]): number[] {
  const changes = Array.from({ length: messages.length + 1 }, () => 0)
  const starts = new Map<string, number>()
  const change = (index: number, by: number) => (changes[index] = (changes[index] ?? 0) + by)
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === 'string') continue
    for (const part of content) {
      if (part.type === 'tool-call') starts.set(`call ${part.toolCallId}`, index)
      if (part.type === 'tool-approval-request') starts.set(`approval ${part.approvalId}`, index)
      const end = endOf(part)
      const start = starts.get(end ?? '')
      if (end === undefined || start === undefined) continue
      // The call of an approval stays open until its result, after a refusal too.
      starts.delete(end)
      change(start + 1, 1)
      change(index + 1, -1)
    }
  }
  let open = 0
  return messages.map((_, index) => (open += changes[index] ?? 0))
}

function endOf(part: Exclude<ModelMessage['content'], string>[number]): string | undefined {
  if (part.type === 'tool-result') return `call ${part.toolCallId}`
  if (part.type === 'tool-approval-response') return `approval ${part.approvalId}`
  return undefined
}

/** The index of the latest message that the user wrote; -1 if there is none. */
export const latestUser = (messages: readonly ModelMessage[], origins: Origins): number =>
  messages.findLastIndex((message) => origins.isUsers(message))

/**
 * Returns the index to cut at so that about `keep` tokens stay. Prefers a message of the user, where
 * the messages of a session also end. If the work on the latest user message alone is longer than
 * `keep`, the cut is within that work. Undefined if no cut has anything before it.
 */
export function chooseCut(
  messages: readonly ModelMessage[],
  keep: number,
  origins: Origins,
): number | undefined {
  const latest = latestUser(messages, origins)
  const places = placesIn(messages, origins)
  const earliest = (most: number, from: number, role: ModelMessage['role']) =>
    places.find((place) => place.role === role && place.index > from && place.tail <= most)?.index
  const byUser = earliest(keep, 0, 'user')
  // The question alone means little without the messages just before it.
  if (byUser !== undefined && byUser < latest) return byUser
  const more = earliest(2 * keep, 0, 'user') ?? byUser
  if (more !== undefined) return more
  const later = places.filter(({ index }) => index > latest + 1)
  return earliest(keep, latest + 1, 'assistant') ?? later.at(-1)?.index ?? places.at(-1)?.index
}

interface CutPlace {
  index: number
  role: ModelMessage['role']
  /** Tokens that a cut there leaves. */
  tail: number
}

/** The places with something before them that is neither an instruction nor a summary. */
function placesIn(messages: readonly ModelMessage[], origins: Origins): CutPlace[] {
  const cuts = cutsIn(messages)
  const first = messages.findIndex(
    (message) => message.role !== 'system' && origins.summaryIn(message) === undefined,
  )
  let tail = 0
  const places = messages.map((_, fromEnd): CutPlace => {
    const index = messages.length - 1 - fromEnd
    const message = messages[index]
    if (message !== undefined) tail += messageTokens(message)
    return { index, role: message?.role ?? 'system', tail }
  })
  return places.toReversed().filter(({ index }) => index > first && cuts[index] === true)
}
