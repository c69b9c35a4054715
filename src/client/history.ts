import type { SentMessage } from './automatic-send.ts'
/** The history of a conversation, whole or in parts. */
import type { Requests } from './requests.ts'

/** The messages of one request of the whole history. */
const partSize = 500

/**
 * A part of a history, as `page` of a `loomChat` returns it.
 * @example
 * ```ts
 * import { loomChat, type HistoryPart } from 'loomkit/client'
 *
 * const chat = loomChat({ api: 'https://example.com/api/chat', id: 'lesson-1', profile: 'v7' })
 * const last: HistoryPart = await chat.page({ limit: 50 })
 * const before = last.messages[0]?.id
 * const earlier = last.hasEarlier && before !== undefined ? await chat.page({ before }) : undefined
 * ```
 */
export interface HistoryPart<MESSAGE extends SentMessage = SentMessage> {
  /** The messages, the oldest first. */
  messages: MESSAGE[]
  /** Whether the history has messages before these. */
  hasEarlier: boolean
}

/** Returns one part, and notes its messages if it is the last part. */
export async function historyPart<MESSAGE extends SentMessage>(
  requests: Requests,
  { limit = 100, before, signal }: HistoryRequest,
): Promise<HistoryPart<MESSAGE>> {
  const query = `limit=${limit}${before === undefined ? '' : `&before=${encodeURIComponent(before)}`}`
  const response = await requests.send('/messages', { query, signal })
  const messages: MESSAGE[] = JSON.parse(await response.text())
  return { messages, hasEarlier: response.headers.get('link')?.includes('rel="next"') ?? false }
}

export interface HistoryRequest {
  limit?: number | undefined
  before?: string | undefined
  signal?: AbortSignal | undefined
}

/** Returns all messages. */
export async function wholeHistory<MESSAGE extends SentMessage>(
  requests: Requests,
  signal: AbortSignal | undefined,
): Promise<MESSAGE[]> {
  const parts: MESSAGE[][] = []
  for (let before: string | undefined; ;) {
    const part = await historyPart<MESSAGE>(requests, { limit: partSize, before, signal })
    parts.unshift(part.messages)
    before = part.messages[0]?.id
    if (!part.hasEarlier || before === undefined) return parts.flat()
  }
}
