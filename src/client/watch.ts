/** The stream of a whole conversation, for a page that is open and idle. */
import { type Chunk, chunkReader } from './chunks.ts'
import { LoomClientError, refusalOf } from './error.ts'
import type { Requests } from './requests.ts'
import { resumableFetch, type ResumableFetchOptions } from './resumable-fetch.ts'

/**
 * The functions that `watch` of a `loomChat` calls.
 * @example
 * ```ts
 * import { loomChat, type WatchOptions } from 'loomkit/client'
 *
 * const chat = loomChat({ api: '/api/chat', id: 'lesson-1', profile: 'v7' })
 * const options: WatchOptions = { onChange: () => void chat.messages() }
 * const leave = chat.watch(options)
 * ```
 */
export interface WatchOptions {
  /**
   * The conversation has messages that this page has not loaded: another tab, a task or a schedule posted one,
   * or the connection was lost for some time. Load the messages, and call `resumeStream` of the chat.
   * @defaultValue nothing happens
   */
  onChange?: () => void
  /**
   * The queue has changed. `messages` are the messages that wait, and `held` is true if a stop holds them.
   * @defaultValue nothing happens
   */
  onQueue?: (queue: {
    /** The messages that wait, in order. */
    messages: readonly unknown[]
    /** Whether a stop holds them. */
    held: boolean
  }) => void
  /** Receives every chunk of the conversation, as `followSession` does. @defaultValue nothing happens */
  onChunk?: (chunk: Chunk) => void
  /**
   * The server refuses the stream, for example with status 401, or a callback has thrown an error. The page is
   * not informed of further changes. @defaultValue nothing happens
   */
  onError?: (error: Error) => void
}

type Watched = Pick<ResumableFetchOptions, 'pauseMs' | 'silenceMs'>

/** @returns a function that ends the watch */
export function watch(requests: Requests, options: Watched, callbacks: WatchOptions): () => void {
  const leaving = new AbortController()
  const { signal } = leaving
  const onChange = () => callbacks.onChange?.()
  follow(requests, options, { ...callbacks, onChange, signal })
    .catch((error: Error) => {
      if (signal.aborted) return
      const isGone = error instanceof LoomClientError && [404, 410].includes(error.status)
      if (isGone) requests.refused(error)
      else callbacks.onError?.(error)
    })
    .finally(() => requests.seen.unwatch(onChange))
    .catch(() => {
      // A callback threw an error about an error.
    })
  return () => leaving.abort()
}

/** Follows the conversation until the signal aborts. @throws the reason why it cannot continue */
async function follow(
  requests: Requests,
  options: Watched,
  {
    onChange,
    onQueue,
    onChunk,
    signal,
  }: WatchOptions & { onChange: () => void; signal: AbortSignal },
): Promise<void> {
  const onStart = requests.seen.watch(onChange)
  let connections = 0
  // A page that stays open for hours waits for its server as long.
  const stream = resumableFetch({
    ...options,
    attempts: Infinity,
    fetch: async (input, init) => {
      const response = await requests.fetch(input, init)
      // Without a place in the stream, the messages since the lost connection are not in it.
      const isWhole = connections === 0 || (typeof input === 'string' && input.includes('after='))
      if (response.ok) {
        connections++
        requests.seen.noteConnection(isWhole)
      }
      return response
    },
  })
  const response = await stream(requests.url('/stream', 'follow=session'), { signal })
  if (!response.ok || response.body === null) throw await refusalOf(response)
  await checkNewest(requests, onStart, signal)
  const reader = chunkReader(response.body)
  for (let chunks = await reader.read(); chunks; chunks = await reader.read())
    for (const chunk of chunks) {
      onChunk?.(chunk)
      if (chunk.type === 'start' && chunk.messageId !== undefined) onStart(chunk.messageId)
      if (isQueue(chunk)) onQueue?.(chunk.data)
    }
  throw new LoomClientError('This conversation was deleted or has expired.', {
    status: 410,
    code: 'gone',
  })
}

type Queue = Parameters<NonNullable<WatchOptions['onQueue']>>[0]

const isQueue = (chunk: Chunk): chunk is Chunk & { data: Queue } => chunk.type === 'data-queue'

/** Finds an answer that began after the page loaded its messages and before the stream was open. */
async function checkNewest(
  requests: Requests,
  onStart: (messageId: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { messageId } = await requests.read<{ messageId?: string }>('', {}, { signal })
  if (messageId !== undefined && !requests.seen.has(messageId)) onStart(messageId)
}
