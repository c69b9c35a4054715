/**
 * The client for browsers and other programs with `fetch`. A chat continues after a lost connection
 * and after the death of a server instance, and `useChat` sees neither. The file imports nothing
 * and is one file although it is long, because a page without a bundler loads it unchanged.
 */

/**
 * The options of `resumableFetch`.
 * @example
 * ```ts
 * import { resumableFetch, type ResumableFetchOptions } from 'loomkit/client'
 *
 * const options: ResumableFetchOptions = { attempts: 20, silenceMs: 60_000, follow: 'message' }
 * const fetch = resumableFetch(options)
 * ```
 */
export interface ResumableFetchOptions {
  /** Makes the requests. @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
  /**
   * The maximum number of consecutive attempts without a new event before the stream fails.
   * @defaultValue 10
   */
  attempts?: number
  /**
   * The first pause between two attempts, in milliseconds. It doubles with each attempt, up to 5000.
   * @defaultValue 250
   */
  pauseMs?: number
  /**
   * The silence on an open connection after which it counts as broken, in milliseconds. The server sends a
   * comment at least every 15 s (`LOOM_KEEPALIVE_MS`), so a longer silence means a lost connection.
   * @defaultValue 40000
   */
  silenceMs?: number
  /**
   * The end of a resumed stream: the end of the message (`message`), or an empty queue (`queue`), so that a
   * page which loads while messages wait shows all their answers. ai 5 and the first releases of ai 6 and 7
   * show the messages of one stream as one: use `message` there, or declare the profile v5.
   * @defaultValue 'queue'
   */
  follow?: 'message' | 'queue'
}

/** The type of the global `fetch`. */
type Fetch = typeof globalThis.fetch

/**
 * Returns a `fetch` for the `DefaultChatTransport` of ai 5, 6 and 7. If a stream breaks, it continues after the
 * last whole event, by the id of the event. A POST without an answer is sent again, and Loom accepts it as the
 * same message. The stream fails with an `Error` if it cannot be resumed; then load the messages again.
 * @example
 * ```ts
 * import { DefaultChatTransport } from 'ai'
 * import { resumableFetch } from 'loomkit/client'
 *
 * const transport = new DefaultChatTransport({ api: '/api/chat', fetch: resumableFetch() })
 * ```
 */
export function resumableFetch(options: ResumableFetchOptions = {}): Fetch {
  const {
    fetch: base = (input, init) => fetch(input, init),
    attempts = 10,
    pauseMs = 250,
    silenceMs = 40_000,
    follow = 'queue',
  } = options
  const retry = { attempts, pauseMs, silenceMs }
  return async (address, options) => {
    const init = withIdempotencyKey(address, options)
    const input = withFollow(address, init, follow)
    const signal = init?.signal ?? undefined
    const response = await callWithRetries(() => base(input, init), { ...retry, signal })
    const type = response.headers.get('content-type') ?? ''
    if (!response.ok || response.body === null || !type.includes('text/event-stream'))
      return response
    const url = streamUrl(input, init, response)
    if (url === undefined) return response
    const again = (after: string | undefined, until: AbortSignal) =>
      after === undefined
        ? base(input, { ...init, signal: until })
        : base(...resumption(url, after, { ...init, signal: until }))
    const body = resumableBody(response.body, again, { ...retry, signal })
    return new Response(body, { status: response.status, headers: response.headers })
  }
}

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
    onChunk: (chunk: {
      /** The kind of the chunk, such as `start`, `text-delta` or `finish`. */
      type: string
    }) => void
  },
): Promise<void> {
  const url = withPath(api, `/${encodeURIComponent(id)}/stream`)
  const follow = resumableFetch(base && { fetch: base })
  const response = await follow(`${url}${url.includes('?') ? '&' : '?'}follow=session`, init)
  if (!response.ok || response.body === null) throw lost(response.status, await response.text())
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    // Each chunk contains only complete events, because `resumableBody` splits between events.
    const { done, value } = await reader.read()
    if (done) return
    for (const [, data] of decoder.decode(value, { stream: true }).matchAll(/^data: ?(\{.+)$/gm)) {
      onChunk(JSON.parse(data ?? ''))
    }
  }
}

interface Retry {
  attempts: number
  pauseMs: number
  silenceMs: number
  signal: AbortSignal | undefined
}

/**
 * Whether a failure is temporary: a lost connection, an instance that shuts down, an unavailable
 * store.
 */
const isTemporary = (status: number) => status === 502 || status === 503 || status === 504

async function callWithRetries(call: () => Promise<Response>, retry: Retry): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await call()
      if (!isTemporary(response.status) || attempt >= retry.attempts) return response
    } catch (error) {
      if (retry.signal?.aborted === true || attempt >= retry.attempts) throw error
    }
    await pause(attempt, retry)
  }
}

async function pause(attempt: number, { pauseMs, signal }: Retry): Promise<void> {
  const delayMs = Math.min(pauseMs * 2 ** (attempt - 1), 5000)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, delayMs * (0.5 + Math.random() / 2))
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  signal?.throwIfAborted()
}

/** Rejects and calls `onLate` if the work takes longer than `ms` milliseconds. */
async function inTime<VALUE>(ms: number, work: Promise<VALUE>, onLate: () => void): Promise<VALUE> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TypeError('network error: the server is silent'))
      onLate()
    }, ms)
  })
  try {
    return await Promise.race([work, silence])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Adds an idempotency key to a POST, so that the server recognizes a repeated one. A regeneration
 * needs the key, because it contains no new message id.
 */
function withIdempotencyKey(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
): RequestInit | undefined {
  if (methodOf(input, init) !== 'POST') return init
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : {}))
  // `crypto.randomUUID` does not exist on a page without TLS.
  const key = () => Math.random().toString(36).slice(2)
  if (!headers.has('idempotency-key')) headers.set('idempotency-key', key() + key())
  return { ...init, headers }
}

/** Adds the `follow` parameter to a GET of a stream, unless the URL already contains it. */
function withFollow(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  follow: string,
): Parameters<Fetch>[0] {
  if (input instanceof Request || methodOf(input, init) !== 'GET') return input
  const url = String(input)
  if (!/\/stream(\?|$)/.test(url) || url.includes('follow=')) return input
  return `${url}${url.includes('?') ? '&' : '?'}follow=${follow}`
}

const methodOf = (input: Parameters<Fetch>[0], init: RequestInit | undefined): string =>
  (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase()

function streamUrl(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
  response: Response,
): string | undefined {
  const url = input instanceof Request ? input.url : String(input)
  if (methodOf(input, init) === 'GET') return url
  const id = response.headers.get('x-loom-session') ?? postedId(init?.body)
  return id === undefined ? undefined : withPath(url, `/${id}/stream`)
}

/** Returns the id of the posted chat, encoded for a URL. */
function postedId(body: unknown): string | undefined {
  const [, id] =
    typeof body === 'string' ? (/^\{.*"id":"([^"\\]+)","messages":/s.exec(body) ?? []) : []
  return id === undefined ? undefined : encodeURIComponent(id)
}

/** Adds a path before the query, because the `api` of a transport may have a query. */
function withPath(url: string, path: string): string {
  const [address = '', query] = url.split('?')
  return address.replace(/\/$/, '') + path + (query === undefined ? '' : `?${query}`)
}

function resumption(
  url: string,
  after: string,
  init: RequestInit | undefined,
): [string, RequestInit] {
  const { body, method, ...rest } = init ?? {}
  const [address = '', query = ''] = url.split('?')
  const others = query.split('&').filter((pair) => pair !== '' && !pair.startsWith('after='))
  return [`${address}?${[...others, `after=${encodeURIComponent(after)}`].join('&')}`, rest]
}

/** Passes only complete events on. The next connection would repeat an incomplete one. */
function resumableBody(
  first: ReadableStream<Uint8Array>,
  again: (after: string | undefined, until: AbortSignal) => Promise<Response>,
  retry: Retry,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let reader = first.getReader()
  let decoder = new TextDecoder()
  let partial = ''
  let lastId: string | undefined
  let done = false
  let failures = 0

  const reconnect = async (cause: unknown): Promise<void> => {
    partial = ''
    decoder = new TextDecoder()
    for (;;) {
      if (retry.signal?.aborted === true) throw retry.signal.reason
      if (++failures > retry.attempts) throw cause
      if (failures > 1) await pause(failures - 1, retry)
      const leaving = new AbortController()
      const leave = () => leaving.abort(retry.signal?.reason)
      // The listener stays during the whole connection, because an abort of the chat must end it.
      retry.signal?.addEventListener('abort', leave, { once: true })
      const response = await inTime(retry.silenceMs, again(lastId, leaving.signal), leave).catch(
        () => undefined,
      )
      if (response === undefined || isTemporary(response.status)) continue
      if (!response.ok || response.body === null) throw lost(response.status, cause)
      reader = response.body.getReader()
      return
    }
  }

  const take = (text: string): string => {
    const end = text.lastIndexOf('\n\n') + 2
    const whole = end < 2 ? '' : text.slice(0, end)
    partial = text.slice(whole.length)
    for (const [, id] of whole.matchAll(/^id: ?(.+)$/gm)) lastId = id?.trim()
    if (/^data: ?\[DONE\]/m.test(whole)) done = true
    return whole
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        let failure: unknown = new TypeError('network error')
        const silent = reader
        const leave = () => void silent.cancel().catch(() => {})
        const chunk = await inTime(retry.silenceMs, reader.read(), leave).catch(
          (error: unknown) => void (failure = error),
        )
        if (chunk?.done === false) {
          const whole = take(partial + decoder.decode(chunk.value, { stream: true }))
          if (whole === '') continue
          failures = 0
          controller.enqueue(encoder.encode(whole))
          return
        }
        if (done) return controller.close()
        await reconnect(failure)
      }
    },
    cancel(reason) {
      return reader.cancel(reason)
    },
  })
}

const lost = (status: number, cause: unknown) =>
  new Error(`The answer cannot be resumed (${status}): load the messages again.`, { cause })
