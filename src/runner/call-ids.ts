/**
 * Tool call ids that are unique in a conversation. Some servers count from `call_0` in every reply,
 * and a client that finds an id a second time writes over the first call's part.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage } from 'ai'

/** Gives an id that is taken a new ending, and an empty one a name. */
export function callIds(messages: readonly ModelMessage[]): (id: string) => string {
  const taken = new Set<string>()
  for (const message of messages) {
    if (message.role !== 'assistant' || typeof message.content === 'string') continue
    for (const part of message.content) if (part.type === 'tool-call') taken.add(part.toolCallId)
  }
  return (id) => {
    const wanted = id === '' ? `call-${randomUUID()}` : id
    let free = wanted
    for (let count = 2; taken.has(free); count++) free = `${wanted}-${count}`
    taken.add(free)
    return free
  }
}
