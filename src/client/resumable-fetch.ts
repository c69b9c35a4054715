/** A `fetch` whose streams continue after a lost connection and after the death of a server instance. */
import { type Fetch, withPath, withQuery } from './address.ts'
import { resumableBody } from './resumable-body.ts'
import { callWithRetries } from './retry.ts'

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
  return withQuery(url, `follow=${follow}`)
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
    typeof body === 'string' ? (/^\{.*"id":"([^"\\]+)","messages?":/s.exec(body) ?? []) : []
  return id === undefined ? undefined : encodeURIComponent(id)
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
