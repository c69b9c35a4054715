/**
 * Keeps a conversation within the model's window: old tool outputs become stubs first, then the
 * oldest exchanges go. A cut falls only before a user message, so no tool call is parted from its
 * result, and the latest user message always stays. The given list is never changed.
 */
import type { ModelMessage } from 'ai'

/** Room for the answer and for what the estimate misses, in tokens. */
const reserveTokens = 16_000
/** The newest part of the conversation that is left as it is, in tokens. */
const keepTokens = 20_000
const stub = 'Output removed to save space.'

export interface Compaction {
  messages: ModelMessage[]
  tokensBefore: number
  tokensAfter: number
  /** Messages that are gone or whose tool outputs are stubs. */
  removed: number
  /** Messages that are as they were. */
  kept: number
}

/**
 * What to send instead of `messages`, or undefined where they fit.
 * @param contextWindow tokens; 0 means unknown, and then nothing is ever cut.
 */
export function compact(
  messages: readonly ModelMessage[],
  contextWindow: number,
): Compaction | undefined {
  if (contextWindow <= 0) return undefined
  const budget = contextWindow - Math.min(reserveTokens, contextWindow / 4)
  const tokensBefore = total(messages)
  if (tokensBefore <= budget) return undefined

  const keep = Math.min(keepTokens, budget / 2)
  let shorter = stubOldOutputs(messages, keep)
  if (total(shorter) > budget) shorter = dropOldest(shorter, budget)
  const same = new Set(messages)
  const kept = shorter.filter((message) => same.has(message)).length
  return {
    messages: shorter,
    tokensBefore,
    tokensAfter: total(shorter),
    removed: messages.length - kept,
    kept,
  }
}

const total = (messages: readonly ModelMessage[]) =>
  messages.reduce((sum, message) => sum + estimateTokens(message), 0)

/**
 * A rough size in tokens: a quarter of the bytes of its JSON. Files count a flat amount, since their
 * bytes say nothing of what a model makes of them.
 */
export function estimateTokens(message: ModelMessage): number {
  let files = 0
  const text = JSON.stringify(message.content, (key, value: unknown) => {
    if (key !== 'data' && key !== 'image') return value
    files++
    return null
  })
  return Math.ceil(Buffer.byteLength(text) / 4) + files * 1000
}

function stubOldOutputs(messages: readonly ModelMessage[], keep: number): ModelMessage[] {
  let newer = 0
  return messages
    .toReversed()
    .map((message) => {
      const isOld = newer > keep
      newer += estimateTokens(message)
      return isOld && message.role === 'tool' ? withStubs(message) : message
    })
    .toReversed()
}

function withStubs(message: ModelMessage & { role: 'tool' }): ModelMessage {
  const content = message.content.map((part) =>
    part.type === 'tool-result'
      ? { ...part, output: { type: 'text' as const, value: stub } }
      : part,
  )
  return { ...message, content }
}

/** Cuts before the earliest user message after which the rest fits; at the latest one if none does. */
function dropOldest(messages: ModelMessage[], budget: number): ModelMessage[] {
  let size = total(messages)
  let cut = 0
  for (const [index, message] of messages.entries()) {
    if (message.role === 'user') cut = index
    if (message.role === 'user' && size <= budget) break
    size -= estimateTokens(message)
  }
  return messages.filter((message, index) => index >= cut || message.role === 'system')
}
