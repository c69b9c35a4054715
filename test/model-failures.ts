/** Errors of models. */
import { APICallError } from '@ai-sdk/provider'

/** An answer with an HTTP status that is not a success. */
export const answers = (
  statusCode: number,
  responseHeaders: Record<string, string> = {},
  message = 'not now',
) =>
  new APICallError({
    message,
    statusCode,
    responseHeaders,
    url: 'https://models.example/v1',
    requestBodyValues: {},
  })

/** An error of Node, such as `ECONNRESET`. */
export const withCode = (code: string) => Object.assign(new Error(code.toLowerCase()), { code })

export const connectionReset = withCode('ECONNRESET')
