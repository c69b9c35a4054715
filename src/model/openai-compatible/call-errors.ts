/**
 * All failures of one call, as the AI SDK's `APICallError`. The runner retries if `isRetryable` is
 * true. People read the message, so it is the provider's own if there is one.
 */
import { STATUS_CODES } from 'node:http'

import { APICallError } from '@ai-sdk/provider'

import { errorMessage } from '../../ground/error.ts'
import { jsonValueOf } from '../../ground/json.ts'
import { isPermanent, messageOf, quote, statusOf } from './provider-message.ts'
import type { ResponseHead } from './transport.ts'

export class CallErrors {
  readonly #url: string
  readonly #host: string
  readonly #body: unknown
  #head: ResponseHead | undefined

  constructor(url: URL, body: unknown) {
    // Without the query string: some APIs take their key there.
    this.#url = url.origin + url.pathname
    this.#host = url.host
    this.#body = body
  }

  /** Sets the response head that later errors include. */
  setHead(head: ResponseHead): void {
    this.#head = head
  }

  /** A response whose status is not 2xx. */
  status({ status, statusText, headers }: ResponseHead, responseBody: string): APICallError {
    const location = headers['location']
    if (status >= 300 && status < 400) {
      const target = URL.canParse(location ?? '', this.#url)
        ? ` to ${hostOf(location, this.#url)}`
        : ''
      return this.#error(
        `${this.#host} redirects${target}: not followed, since the API key would go along. ` +
          'Set the base URL to where the API is.',
        { isRetryable: false, responseBody },
      )
    }
    const data = jsonValueOf(responseBody)
    const reason = `${status} ${statusText || (STATUS_CODES[status] ?? '')}`.trim()
    const message = messageOf(data) ?? withDetail(`${this.#host} answered ${reason}`, responseBody)
    return this.#error(message, { responseBody, ...(data === undefined ? {} : { data }) })
  }

  /** A response with a good status that is not an event stream. */
  notAStream(responseBody: string): APICallError {
    const data = jsonValueOf(responseBody)
    const message = messageOf(data)
    if (message !== undefined) return this.fromReport(data, responseBody)
    const what = this.#head?.headers['content-type'] ?? 'something else'
    return this.#error(
      withDetail(`${this.#host} answered with ${what} instead of an event stream`, responseBody),
      // JSON that does not parse was cut off.
      { isRetryable: data === undefined && /^\s*[{[]/.test(responseBody), responseBody },
    )
  }

  /** A response in a content encoding that cannot be read. The request asked for none. */
  encoded(encoding: string): APICallError {
    return this.#error(
      `${this.#host} answered in the content encoding ${quote(encoding)}, which Loom cannot read. Turn compression off in the server or proxy.`,
      { isRetryable: false },
    )
  }

  /** The connection failed, before or during the answer. */
  connection(cause: unknown): APICallError {
    const reason = connectionReason(cause)
    const message =
      this.#head === undefined
        ? `Cannot reach ${this.#host}: ${reason}`
        : `The connection to ${this.#host} broke in mid-answer: ${reason}`
    return this.#error(message, { cause, isRetryable: !isLasting(cause) })
  }

  /** The response ended before its first event. */
  noAnswer(): APICallError {
    return this.#error(`${this.#host} ended its response before it said anything`, {
      isRetryable: true,
    })
  }

  /** The response ended in the middle of the answer. */
  noFinishReason(): APICallError {
    return this.#error(`${this.#host} ended its answer without a finish reason`, {
      isRetryable: true,
    })
  }

  /** The response ended with a finish reason that means a failure, such as `network_error`. */
  failedReason(reason: string): APICallError {
    return this.#error(
      `${this.#host} ended its answer with the finish reason ${quote(reason)}: the answer is not whole`,
      { isRetryable: true },
    )
  }

  /** An error that the provider reported in the stream. */
  fromReport(data: unknown, responseBody?: string): APICallError {
    const statusCode = statusOf(data)
    return this.#error(
      messageOf(data) ?? `${this.#host} reported: ${quote(JSON.stringify(data))}`,
      {
        data,
        ...(statusCode === undefined ? { isRetryable: !isPermanent(data) } : { statusCode }),
        ...(responseBody === undefined ? {} : { responseBody }),
      },
    )
  }

  notJson(text: string, cause: unknown): APICallError {
    return this.#error(`${this.#host} sent an event that is not JSON: ${quote(text)}`, {
      cause,
      isRetryable: true,
    })
  }

  badToolCall(cause: unknown): APICallError {
    return this.#error(`${this.#host} sent a broken tool call: ${errorMessage(cause)}`, {
      cause,
      isRetryable: true,
    })
  }

  /** An event is larger than the bound. */
  tooLong(cause: unknown): APICallError {
    return this.#error(`${this.#host} sent too much: ${errorMessage(cause)}`, {
      cause,
      isRetryable: false,
    })
  }

  #error(
    message: string,
    details: Partial<ConstructorParameters<typeof APICallError>[0]>,
  ): APICallError {
    const head = this.#head
    return new APICallError({
      message,
      url: this.#url,
      requestBodyValues: this.#body,
      ...(head === undefined ? {} : { statusCode: head.status, responseHeaders: head.headers }),
      ...details,
    })
  }
}

function withDetail(message: string, body: string): string {
  const title =
    /<title[^>]*>([^<]*)/i.exec(body)?.[1] ?? (body.trimStart().startsWith('<') ? '' : body)
  return title.trim() === '' ? message : `${message}: ${quote(title)}`
}

const hostOf = (location: string | undefined, base: string) => new URL(location ?? '', base).host

/** The error of the system. If several addresses refused, the error of the first. */
function connectionReason(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return errorMessage(cause.errors[0])
  return errorMessage(cause)
}

/** A wrong certificate or header will still be wrong a second later. */
function isLasting(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false
  return /^(ERR_TLS|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|UND_ERR_INVALID_ARG)/.test(
    String(cause.code),
  )
}
