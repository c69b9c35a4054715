/** The requests of a `loomChat` to the routes of its conversation. */
import { type Fetch, withPath, withQuery } from './address.ts'
import { authorizedFetch, type Key } from './authorized-fetch.ts'
import { LoomClientError, refusalOf } from './error.ts'
import type { ResumableFetchOptions } from './resumable-fetch.ts'
import { callWithRetries } from './retry.ts'
import { SeenAnswers } from './seen-answers.ts'

export interface RequestOptions extends Pick<ResumableFetchOptions, 'attempts' | 'pauseMs'> {
  api: string
  id: string
  key?: Key | undefined
  profile: string
  headers?: Record<string, string> | undefined
  credentials?: RequestInit['credentials'] | undefined
  fetch?: Fetch | undefined
  onGone?: ((error: LoomClientError) => void) | undefined
}

/** A request to a route of the conversation. */
interface RouteRequest {
  method?: string
  query?: string
  body?: unknown
  signal?: AbortSignal | undefined
}

export class Requests {
  /** Sends the key, the profile and the headers with each request. */
  readonly fetch: Fetch
  /** The messages that this page has seen. */
  readonly seen = new SeenAnswers()
  readonly #options: RequestOptions

  constructor(options: RequestOptions) {
    const { key, profile, credentials } = options
    this.#options = options
    // The options may change between two requests.
    const base: Fetch = (input, init) => {
      const headers = new Headers({ 'x-loom-profile': profile, ...options.headers })
      for (const [name, value] of new Headers(init?.headers)) headers.set(name, value)
      const request = { ...init, ...(credentials && { credentials }), headers }
      return (options.fetch ?? fetch)(input, request)
    }
    this.fetch = authorizedFetch(base, key)
  }

  /** The address of the posts. */
  get api(): string {
    return this.#options.api
  }

  /** @param path a path below the conversation, such as `/queue` */
  url(path: string, query?: string): string {
    const url = withPath(this.api, `/${encodeURIComponent(this.#options.id)}${path}`)
    return query === undefined ? url : withQuery(url, query)
  }

  /** @throws LoomClientError if the server refuses the request */
  async send(path: string, { method, query, body, signal }: RouteRequest = {}): Promise<Response> {
    const request = {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { accept: 'application/json' },
      signal: signal ?? null,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    const { attempts = 10, pauseMs = 250 } = this.#options
    const response = await callWithRetries(() => this.fetch(this.url(path, query), request), {
      // Another request could have its effect twice.
      attempts: request.method === 'GET' ? attempts : 1,
      pauseMs,
      signal,
    })
    if (!response.ok) throw await refusalOf(response)
    return response
  }

  /** Returns the JSON of a response, whose form the route defines. */
  async json<FORM>(path: string, request?: RouteRequest): Promise<FORM> {
    const form: FORM = JSON.parse(await (await this.send(path, request)).text())
    return form
  }

  /** Returns the JSON of a route, or `none` if the server does not have the conversation yet. */
  async read<FORM>(path: string, none: FORM, request?: RouteRequest): Promise<FORM> {
    try {
      return await this.json<FORM>(path, request)
    } catch (error) {
      if (!(error instanceof LoomClientError) || error.status !== 404) throw error
      if (this.seen.last !== undefined) throw this.refused(error)
      return none
    }
  }

  /** Deletes something. Returns false if it does not exist. */
  async remove(path: string): Promise<boolean> {
    try {
      await this.send(path, { method: 'DELETE' })
      return true
    } catch (error) {
      if (error instanceof LoomClientError && error.status === 404) return false
      throw error
    }
  }

  /** Reports a conversation that the server no longer has. @returns the error itself */
  refused<ERROR>(error: ERROR): ERROR {
    if (error instanceof LoomClientError && (error.status === 410 || error.status === 404))
      this.#options.onGone?.(error)
    return error
  }
}
