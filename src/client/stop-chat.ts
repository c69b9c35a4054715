/** The stop of an answer, without a `loomChat`. */
import { type Fetch, withPath } from './address.ts'

/**
 * Stops the running answer of a chat on the server. A page that closes, or `stop()` of `useChat`, does not stop
 * it.
 * @param api the address of the chat routes, such as `/api/chat`
 * @param id the id of the chat
 * @param init options of the request. `queue` is the effect on the messages that wait: `hold` (the default)
 * keeps them until the next message, `clear` withdraws them, `run` answers the next one. With `messageId` only
 * this message stops; if it waits, it is withdrawn.
 * @returns true if the server accepted the request
 * @throws the error of `fetch` if the server cannot be reached
 * @example
 * ```ts
 * import { stopChat } from 'loomkit/client'
 *
 * const isStopped = await stopChat('https://example.com/api/chat', 'lesson-1', { queue: 'clear' })
 * ```
 */
export async function stopChat(
  api: string,
  id: string,
  init: RequestInit & {
    /** Makes the request. @defaultValue the global `fetch` */
    fetch?: Fetch
    /**
     * The effect on the messages that wait. `hold` keeps them until the next message, `clear`
     * withdraws them, `run` answers the next one. @defaultValue 'hold'
     */
    queue?: 'hold' | 'clear' | 'run'
    /**
     * The id of the only message to stop. If it waits, it is withdrawn.
     * @defaultValue none: the running answer stops
     */
    messageId?: string
  } = {},
): Promise<boolean> {
  const { fetch: base = fetch, queue, messageId, ...rest } = init
  const response = await base(withPath(api, `/${encodeURIComponent(id)}/stop`), {
    ...rest,
    ...((queue || messageId) && { body: JSON.stringify({ queue, messageId }) }),
    method: 'POST',
  })
  return response.ok
}
