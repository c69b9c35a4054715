/** The error of a request that the server refused. */
import type { LoomErrorCode } from '../ground/error.ts'

/**
 * A request that the server refused. A server that cannot be reached is no refusal: the request then
 * rejects with the error of `fetch`.
 * @example
 * ```ts
 * import { LoomClientError } from 'loomkit/client'
 *
 * const mustLogIn = (error: unknown) =>
 *   error instanceof LoomClientError && error.status === 401
 * ```
 */
export class LoomClientError extends Error {
  /** The name of the class. */
  override readonly name = 'LoomClientError'
  /** The HTTP status of the response. */
  readonly status: number
  /** The reason: a code of the server, such as `gone`. `unknown` if the response came from another program. */
  readonly code: LoomErrorCode | 'unknown'

  constructor(
    message: string,
    { status, code, cause }: { status: number; code: LoomErrorCode | 'unknown'; cause?: unknown },
  ) {
    super(message, { cause })
    this.status = status
    this.code = code
  }
}

const codes: Readonly<Record<number, LoomErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  410: 'gone',
  503: 'unavailable',
}

/** The code of a response whose body does not name one. */
export const codeOf = (status: number): LoomErrorCode | 'unknown' => codes[status] ?? 'unknown'

/** Returns the error that a response describes. */
export async function refusalOf(response: Response): Promise<LoomClientError> {
  const { status } = response
  const text = await response.text()
  const { code = codeOf(status), message } = errorIn(text)
  // A proxy may send a page instead of the error.
  const isLine = /^[^\s<{]/.test(text)
  const line = isLine ? text : `The server refused the request with status ${status}.`
  return new LoomClientError(message ?? line, { status, code })
}

/** The form of Loom's errors. */
interface ErrorBody {
  error?: { code?: LoomErrorCode; message?: string }
}

function errorIn(text: string): NonNullable<ErrorBody['error']> {
  try {
    const body: ErrorBody = JSON.parse(text)
    return body.error ?? {}
  } catch {
    return {}
  }
}
