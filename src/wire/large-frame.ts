/**
 * A frame of many megabytes that contains the output or the data of a tool. It is encoded and sent in pieces.
 * As one text, it would delay all other readers.
 */
import { isForClients, type LogEvent } from '../event.ts'
import { isOnePiece, jsonPieces } from '../ground/json/pieces.ts'
import type { Encoder } from './frames.ts'
import { withoutPrototypes } from './frames/json.ts'

export class LargeFrame {
  readonly before: string
  readonly value: unknown
  readonly after: string

  constructor(parts: { before: string; value: unknown; after: string }) {
    this.before = parts.before
    this.value = parts.value
    this.after = parts.after
  }

  *pieces(): Generator<string, void> {
    yield this.before
    yield* jsonPieces(this.value, withoutPrototypes)
    yield this.after
  }
}

/**
 * Returns the bytes of an event; see `Encoder.encode`. Only outputs and data of tools, and Loom's own
 * data can be large.
 */
export function frameOf(
  encoder: Encoder,
  event: LogEvent,
  cursor: string,
): string | LargeFrame | undefined {
  if (!isForClients(event)) return undefined
  if ('delta' in event) return encoder.encode(event, cursor)
  if ('output' in event && !isOnePiece(event.output)) {
    return framed(event.output, (output) => encoder.encode({ ...event, output }, cursor))
  }
  if ('data' in event && encoder.nestsData !== true && !isOnePiece(event.data)) {
    return framed(event.data, (data) => encoder.encode({ ...event, data }, cursor))
  }
  return encoder.encode(event, cursor)
}

/** @param encode encodes the event with another value in the place of the large one */
function framed(
  value: unknown,
  encode: (standIn: string) => string | undefined,
): LargeFrame | undefined {
  const standIn = `loom-value-${crypto.randomUUID()}`
  const frame = encode(standIn)
  if (frame === undefined) return undefined
  const [before = '', after = ''] = frame.split(JSON.stringify(standIn))
  return new LargeFrame({ before, value, after })
}
