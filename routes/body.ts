/**
 * Reads a posted body as JSON with limits for its size, its depth and its number of values, and
 * without keys that pollute prototypes. The caller checks the meaning of the value. The content
 * type does not matter: `curl -d` and `WorkflowChatTransport` send another one.
 */
import type { Context } from 'hono'

import { Raw } from '../src/ground/json/raw.ts'
import { JsonScanner, type JsonVisitor } from '../src/ground/json/scanner.ts'
import { WorkSteps } from '../src/ground/long-work.ts'
import { readSlices, takeSlices } from './body-bytes.ts'
import { bodyLimits, faultOf, invalid, refusalOf } from './body-limits.ts'

/**
 * Reads a whole body.
 * @param whenEmpty the value of an empty body; without it, an empty body is refused
 * @throws LoomError `invalid-request`, `payload-too-large` or `aborted`
 */
export async function readJson(c: Context, whenEmpty?: object): Promise<unknown> {
  const raw = new Raw(0)
  let whole = { start: 0, end: 0 }
  const reader: BodyReader = {
    levels: 0,
    begin: () => undefined,
    end(_level, span) {
      const refusal = refusalOf(span, 'The body', bodyLimits.messageBytes)
      if (refusal !== undefined) throw refusal
      whole = span
    },
    add(slice, at) {
      if (raw.size <= bodyLimits.messageBytes) raw.add(slice, at)
    },
    value: () => raw.parse(whole),
  }
  return readScanned(c, reader, whenEmpty)
}

/** Builds a value from a body while the body is scanned. */
export interface BodyReader extends JsonVisitor {
  /** Called with each slice before it is scanned. */
  add(slice: Uint8Array, at: number): void
  /** Called when the body has ended without an error. */
  value(): unknown
}

/** @throws LoomError `invalid-request`, `payload-too-large` or `aborted` */
export async function readScanned(
  c: Context,
  reader: BodyReader,
  whenEmpty?: object,
): Promise<unknown> {
  return scanned((take) => readSlices(c, take), reader, whenEmpty)
}

/**
 * Reads a value from bytes that have arrived, such as a message of a WebSocket.
 * @throws LoomError `invalid-request` or `payload-too-large`
 */
export const readBytes = (bytes: Uint8Array, reader: BodyReader): Promise<unknown> =>
  scanned((take) => takeSlices(bytes, take), reader)

async function scanned(
  read: (take: (slice: Uint8Array) => void) => Promise<void>,
  reader: BodyReader,
  whenEmpty?: object,
): Promise<unknown> {
  const scanner = new JsonScanner(reader)
  let isEmpty = true
  try {
    await read((slice) => {
      isEmpty &&= slice.every(isBlank)
      reader.add(slice, scanner.offset)
      scanner.push(slice)
    })
    if (isEmpty && whenEmpty !== undefined) return whenEmpty
    if (isEmpty) throw invalid('The body is empty; send a JSON object.')
    scanner.end()
    const steps = new WorkSteps()
    await steps.next(scanner.offset)
    const value = reader.value()
    await steps.next(scanner.offset)
    return value
  } catch (error) {
    throw faultOf(error)
  }
}

const isBlank = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
