/** Addresses of the routes of a chat. */

/** The type of the global `fetch`. */
export type Fetch = typeof globalThis.fetch

/** Adds a path before the query, because the `api` of a transport may have a query. */
export function withPath(url: string, path: string): string {
  const [address = '', query] = url.split('?')
  return address.replace(/\/$/, '') + path + (query === undefined ? '' : `?${query}`)
}

/** Adds a parameter to the query of an address. */
export const withQuery = (url: string, parameter: string): string =>
  `${url}${url.includes('?') ? '&' : '?'}${parameter}`
