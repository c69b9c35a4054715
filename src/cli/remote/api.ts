/**
 * A client of the routes of a Loom server. A refusal becomes a `LoomError` with the text of the
 * server.
 */
import { resumableFetch } from '../../client.ts'
import { LoomError, type LoomErrorCode } from '../../ground/error.ts'
import { fieldsOf, textField } from '../../ground/fields.ts'
import { jsonValueOf } from '../../ground/json.ts'

interface RequestOptions {
  body?: object
  signal?: AbortSignal
  /** Whether to wait only until the server accepted the request. */
  isAsync?: boolean
}

export interface ApiOptions {
  /** The address of the server, such as http://127.0.0.1:3000. */
  url: string
  /** The bearer token, if the server needs one. */
  apiKey: string | undefined
  /** The path before those of the requests. @defaultValue '/api/chat' */
  path?: string
  /** The deadline of a request without a stream, in milliseconds. @defaultValue 30000 */
  replyMs?: number
}

export class Api {
  readonly #base: string
  readonly #replyMs: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #resumable = resumableFetch()

  /** @throws LoomError `invalid-request` for an address that is not http or https */
  constructor({ url, apiKey, path = '/api/chat', replyMs = 30_000 }: ApiOptions) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new LoomError('invalid-request', `--url ${JSON.stringify(url)} is not an http address.`)
    }
    this.#base = `${url.replace(/\/+$/, '').replace(/\/api(?:\/chat)?$/, '')}${path}`
    this.#replyMs = replyMs
    this.#headers = {
      'content-type': 'application/json',
      // Printed text cannot be removed, so the client must not receive `reset-step`.
      'x-loom-profile': 'v6',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    }
  }

  async json(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const response = await this.#request(method, path, {
      ...options,
      headers: {
        accept: 'application/json',
        ...(options.isAsync === true && { prefer: 'respond-async' }),
      },
      signal: AbortSignal.timeout(this.#replyMs),
      fetch,
    })
    if (response.status === 204) return undefined
    return response.json().catch((cause: unknown) => {
      throw notLoom(this.#base, cause)
    })
  }

  /** The address before the paths of the requests. */
  get address(): string {
    return this.#base
  }

  /** Returns the bytes of an answer of any length. */
  async body(path: string): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: '*/*' }
    const { body } = await this.#request('GET', path, { headers, fetch })
    if (body === null) throw notLoom(this.#base)
    return body
  }

  async remove(id: string): Promise<boolean> {
    try {
      await this.json('DELETE', `/${encodeURIComponent(id)}`)
      return true
    } catch (error) {
      if (error instanceof LoomError && error.code === 'not-found') return false
      throw error
    }
  }

  /** Returns undefined if there is no stream to read. */
  async stream(
    method: string,
    path: string,
    options: RequestOptions,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const response = await this.#request(method, path, {
      ...options,
      headers: { accept: 'text/event-stream' },
      fetch: this.#resumable,
    })
    return response.status === 204 ? undefined : (response.body ?? undefined)
  }

  async #request(
    method: string,
    path: string,
    {
      body,
      signal,
      headers,
      fetch: call,
    }: RequestOptions & { headers: Record<string, string>; fetch: typeof fetch },
  ): Promise<Response> {
    const response = await call(this.#base + path, {
      method,
      headers: { ...this.#headers, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    }).catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new LoomError('unavailable', `${this.#base} cannot be reached.`, { cause })
    })
    if (response.ok) return response
    throw await failureOf(response)
  }
}

export const notLoom = (url: string, cause?: unknown): LoomError =>
  new LoomError('invalid-request', `${url} answers, but it is not a Loom server.`, { cause })

const codes: Readonly<Record<number, LoomErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'refused',
  410: 'gone',
  429: 'mailbox-full',
  503: 'unavailable',
}

async function failureOf(response: Response): Promise<LoomError> {
  const text = await response.text().catch(() => '')
  const reason = textField(fieldsOf(jsonValueOf(text))['error'], 'message') ?? text.slice(0, 500)
  const code = codes[response.status] ?? (response.status < 500 ? 'invalid-request' : 'internal')
  const hint = code === 'unauthorized' ? ' Set LOOM_API_KEY to one of its keys.' : ''
  return new LoomError(code, `The server says: ${reason.trim() || response.status}${hint}`)
}
