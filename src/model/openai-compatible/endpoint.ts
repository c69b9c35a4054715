/**
 * The address of a chat-completions API. A base URL is the API's root (`…/v1`, with or without a slash)
 * or the endpoint itself. Its query string (`?api-version=…`) stays.
 */
import { LoomError } from '../../ground/error.ts'

const path = '/chat/completions'

/** @throws LoomError `invalid-config` if it is not an HTTP URL. */
export function chatCompletionsUrl(baseUrl: string): URL {
  const url = URL.parse(baseUrl)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new LoomError('invalid-config', `the model's base URL is no HTTP URL: ${baseUrl}`)
  }
  const root = url.pathname.replace(/\/+$/, '')
  url.pathname = root.endsWith(path) ? root : root + path
  return url
}
