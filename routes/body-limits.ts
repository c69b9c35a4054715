/**
 * What a posted body may hold. The limits keep the work that one request makes, here and in all that
 * comes after (checks, store, prompt), to a few milliseconds a step. They hold for what a request adds,
 * not for the history that a client repeats with it.
 */
import { LoomError } from '../src/ground/error.ts'
import { type Span } from '../src/ground/json/scanner.ts'
import { JsonFault } from '../src/ground/json/syntax.ts'

export const bodyLimits = {
  /** Of a whole body, with the history that a client repeats. */
  bodyBytes: 256 * 1024 * 1024,
  /** Of the message that is new, of one tool output, and of any other body. */
  messageBytes: 10 * 1024 * 1024,
  /** Of a message without its files: more than the window of any model holds. */
  textBytes: 2 * 1024 * 1024,
  /** Of `context`, and of each field that is no message. */
  fieldBytes: 64 * 1024,
  /** Objects, lists, strings, numbers and words in a message; keys come with their values. */
  values: 10_000,
  /** Parts of a message. */
  parts: 1000,
  /** Escapes in a message's strings, which are written anew for each that reads them. */
  escapes: 1_000_000,
  /** Levels of containers, the body itself included. */
  depth: 100,
  /** Messages in a body. */
  messages: 100_000,
} as const

/** Why a value is not taken; undefined where it may be parsed. */
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

/** What scanning or parsing threw, in a caller's words: a parser's own message quotes the body. */
export function faultOf(error: unknown): unknown {
  if (error instanceof JsonFault && error.kind === 'depth') return tooDeep('The body')
  if (error instanceof JsonFault || error instanceof SyntaxError) {
    return invalid('The body is not valid JSON.', error)
  }
  if (error instanceof TypeError) return invalid('The body is not valid UTF-8.', error)
  return error
}
