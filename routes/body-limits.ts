/**
 * The limits of a posted body. They keep the work that one request makes (here, in checks, in the
 * store, in the prompt) to a few milliseconds a step. They apply to the values that a request adds,
 * not to the history that a client repeats.
 */
import { LoomError } from '../src/ground/error.ts'
import { type Span } from '../src/ground/json/scanner.ts'
import { JsonFault } from '../src/ground/json/syntax.ts'

export const bodyLimits = {
  /** Bytes of a whole body, with the history that a client repeats. */
  bodyBytes: 256 * 1024 * 1024,
  /** Bytes of the new message, of one tool output, and of any other body. */
  messageBytes: 10 * 1024 * 1024,
  /** Bytes of a message without its files. This is more than the context window of any model. */
  textBytes: 2 * 1024 * 1024,
  /** Bytes of `context`, and of each field that is not a message. */
  fieldBytes: 64 * 1024,
  /** Objects, lists, strings, numbers and words in a message. A key counts with its value. */
  values: 10_000,
  /** Parts of a message. */
  parts: 1000,
  /** Escapes in the strings of a message. Each reader of the message writes them again. */
  escapes: 1_000_000,
  /** Levels of containers, including the body itself. */
  depth: 100,
  /** Messages in a body. */
  messages: 100_000,
} as const

/** Returns the reason to refuse a value, or undefined if the value may be parsed. */
export function refusalOf(span: Span, name: string, bytesMax: number): LoomError | undefined {
  const { values, escapes, depth } = bodyLimits
  if (span.end - span.start > bytesMax) return tooLarge(name, bytesMax)
  if (span.depth > depth) return tooDeep(name)
  if (span.pollutes !== undefined) return invalid(`${name} has a key named "${span.pollutes}".`)
  if (span.values > values) return invalid(`${name} holds more than ${values} values.`)
  if (span.escapes > escapes) return invalid(`${name} holds more than ${escapes} escapes.`)
  return undefined
}

export const tooLarge = (name: string, bytesMax: number): LoomError =>
  new LoomError('payload-too-large', `${name} is larger than ${bytesMax} bytes.`)

const tooDeep = (name: string): LoomError =>
  invalid(`${name} is nested more than ${bodyLimits.depth} levels deep.`)

export function invalid(message: string, cause?: unknown): LoomError {
  return new LoomError('invalid-request', message, { cause })
}

/**
 * Returns the error for the client. It replaces a parser's own message, because that quotes the
 * body.
 */
export function faultOf(error: unknown): unknown {
  if (error instanceof JsonFault && error.kind === 'depth') return tooDeep('The body')
  if (error instanceof JsonFault || error instanceof SyntaxError) {
    return invalid('The body is not valid JSON.', error)
  }
  if (error instanceof TypeError) return invalid('The body is not valid UTF-8.', error)
  return error
}
