/** The stream of a whole conversation. */
import { type Fetch, withPath, withQuery } from './address.ts'
import { type Chunk, chunkReader } from './chunks.ts'
import { lost } from './resumable-body.ts'
import { resumableFetch } from './resumable-fetch.ts'

/**
 * Calls `onChunk` with every chunk of a chat's answers, including those that other tabs and clients asked for,
 * until `signal` aborts. It is for a tab that is open and idle. Each answer begins with a `start` chunk that
 * has its `messageId` and ends with `finish`. Between them come `data-user-message` (the message that it
 * answers) and `data-queue` (the messages that wait). Connections that break are resumed. If the session is
 * deleted, an `error` chunk comes and the promise resolves.
 * @param api the address of the chat routes, such as `/api/chat`
 * @param id the id of the chat
 * @throws Error if the stream cannot be resumed: load the messages and call again
 * @example
 * ```ts
 * import { followSession } from 'loomkit/client'
 *
 * const leave = new AbortController()
 * const types: string[] = []
 * const onChunk = ({ type }: { type: string }) => types.push(type)
 * await followSession('https://example.com/api/chat', 'lesson-1', { onChunk, signal: leave.signal })
 * ```
 */
export async function followSession(
  api: string,
  id: string,
  {
    onChunk,
    fetch: base,
    ...init
  }: RequestInit & {
    /** Makes the requests. @defaultValue the global `fetch` */
    fetch?: Fetch
    /**
     * Receives each chunk of the answers, in order. If it throws, the promise rejects with this
     * error.
     */
    onChunk: (chunk: Chunk) => void
  },
): Promise<void> {
  const url = withQuery(withPath(api, `/${encodeURIComponent(id)}/stream`), 'follow=session')
  const response = await resumableFetch(base && { fetch: base })(url, init)
  if (!response.ok || response.body === null) throw lost(response.status, await response.text())
  const reader = chunkReader(response.body)
  for (let chunks = await reader.read(); chunks; chunks = await reader.read())
    for (const chunk of chunks) onChunk(chunk)
}
