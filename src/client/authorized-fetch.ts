/** A `fetch` with the credential of the page. */
import type { Fetch } from './address.ts'

/** A key, or a function that returns a new one. */
export type Key = string | (() => string | Promise<string>)

/**
 * Adds the key to each request. If the server answers a request with 401 and the key is a function, the
 * function is called again, and the request is repeated once with the new key. Requests that fail at the
 * same time share one call.
 */
export function authorizedFetch(base: Fetch, key: Key | undefined): Fetch {
  if (key === undefined) return base
  const withKey = (value: string, [input, init]: Parameters<Fetch>) => {
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Bearer ${value}`)
    return base(input, { ...init, headers })
  }
  if (typeof key === 'string') return (...request) => withKey(key, request)
  let current: Promise<string> | undefined
  const ask = (): Promise<string> => {
    const asked = Promise.resolve().then(key)
    // After a failure, the next request asks again.
    asked.catch(() => current === asked && (current = undefined))
    return (current = asked)
  }
  return async (...request) => {
    const used = current ?? ask()
    const response = await withKey(await used, request)
    if (response.status !== 401) return response
    await response.body?.cancel()
    return withKey(await (current === used || current === undefined ? ask() : current), request)
  }
}
