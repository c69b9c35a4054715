/**
 * Keeps a conversation within the model's window: old tool outputs become stubs first, then the
 * oldest exchanges go. A cut falls only before a user message, so no tool call is parted from its
 * result, and the latest user message always stays. The given list is never changed.
 */
import type { ModelMessage } from 'ai'

/** Room for the answer, the system prompt, the tools, and what the estimate misses, in tokens. */
const reserveTokens = 16_000
/** The newest part of the conversation that is left as it is, in tokens. */
const keepTokens = 20_000
/** A file's bytes say nothing of what a model makes of them. */
const fileTokens = 1000
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
 * What to send instead of `messages`; undefined where they fit, or where nothing can be spared.
 * @param contextWindow tokens; 0 means unknown, and then nothing is ever cut.
 */
export function compact(
  messages: readonly ModelMessage[],
  contextWindow: number,
): Compaction | undefined {
  if (!(contextWindow > 0)) return undefined
  const budget = contextWindow - Math.min(reserveTokens, contextWindow / 4)
  const tokensBefore = total(messages)
  if (tokensBefore <= budget) return undefined

  const keep = Math.min(keepTokens, budget / 2)
  let shorter = stubOldOutputs(messages, keep)
  if (total(shorter) > budget) shorter = dropOldest(shorter, budget)
  const same = new Set(messages)
  const kept = shorter.filter((message) => same.has(message)).length
  if (kept === messages.length) return undefined
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

/** A rough size in tokens: a quarter of the bytes of its JSON, and a flat amount for each file. */
export function estimateTokens({ content }: ModelMessage): number {
  if (!Array.isArray(content)) return tokensOf(content)
  let sum = 0
  for (const part of content) sum += partTokens(part)
  return sum
}

type Part = Exclude<ModelMessage['content'], string>[number]

function partTokens(part: Part): number {
  if (part.type === 'file' || part.type === 'image' || part.type === 'reasoning-file') {
    return fileTokens
  }
  if (part.type !== 'tool-result' || part.output.type !== 'content') return tokensOf(part)
  return part.output.value.reduce(
    (sum, item) => sum + (/^(?:file|image)/.test(item.type) ? fileTokens : tokensOf(item)),
    0,
  )
}

const tokensOf = (value: unknown) => Math.ceil(Buffer.byteLength(JSON.stringify(value) ?? '') / 4)

function stubOldOutputs(messages: readonly ModelMessage[], keep: number): ModelMessage[] {
  let newer = 0
  return messages
    .toReversed()
    .map((message) => {
      const isOld = newer > keep
      const size = estimateTokens(message)
      newer += size
      if (!isOld || message.role !== 'tool') return message
      const shorter = withStubs(message)
      // Many outputs are no longer than the stub.
      return estimateTokens(shorter) < size ? shorter : message
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
    if (message.role !== 'system') size -= estimateTokens(message)
  }
  return messages.filter((message, index) => index >= cut || message.role === 'system')
}
