/**
 * A frame of many megabytes that contains the output or the data of a tool. It is encoded and sent in pieces.
 * As one text, it would delay all other readers.
 */
import { isForClients, type LogEvent } from '../event.ts'
import { isOnePiece, jsonPieces } from '../ground/json/pieces.ts'
import type { Encoder } from './frames.ts'
import { withoutPrototypes } from './frames/json.ts'

interface FrameParts {
  before: string
  value: unknown
  after: string
  /** Whether the frame has the JSON of the value as a text. @defaultValue false */
  isText?: boolean
}

export class LargeFrame {
  readonly #parts: FrameParts

  constructor(parts: FrameParts) {
    this.#parts = parts
  }

  *pieces(): Generator<string, void> {
    const { before, value, after, isText = false } = this.#parts
    yield before
    if (isText) yield '"'
    for (const piece of jsonPieces(value, withoutPrototypes)) {
      // The escapes of a text are those of its pieces.
      yield isText ? JSON.stringify(piece).slice(1, -1) : piece
    }
    if (isText) yield '"'
    yield after
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
  encoder.note?.(event)
  if ('delta' in event) return encoder.encode(event, cursor)
  if ('output' in event && encoder.nestsOutput !== true && !isOnePiece(event.output)) {
    const isText = encoder.writesOutputAsText === true && typeof event.output !== 'string'
    return framed(event.output, (output) => encoder.encode({ ...event, output }, cursor), isText)
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
  isText = false,
): LargeFrame | undefined {
  const standIn = `loom-value-${crypto.randomUUID()}`
  const frame = encode(standIn)
  if (frame === undefined) return undefined
  const [before = '', after = ''] = frame.split(JSON.stringify(standIn))
  return new LargeFrame({ before, value, after, isText })
}
