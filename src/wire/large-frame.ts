/**
 * A frame of many megabytes that contains the output of a tool. It is encoded and sent in pieces.
 * As one text, it would delay all other readers.
 */
import type { AgentEvent } from '../event.ts'
import { isOnePiece, jsonPieces } from '../ground/json/pieces.ts'
import type { Encoder } from './frames.ts'
import { withoutPrototypes } from './frames/json.ts'

/** Replaces the large value while the rest of the frame is encoded. */
const standIn = `loom-value-${crypto.randomUUID()}`

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
 * Returns the bytes of an event; see `Encoder.encode`. Only outputs of tools and Loom's own data
 * can be large.
 */
export function frameOf(
  encoder: Encoder,
  event: AgentEvent,
  cursor: string,
): string | LargeFrame | undefined {
  if ('delta' in event) return encoder.encode(event, cursor)
  if ('output' in event && !isOnePiece(event.output)) {
    return framed(encoder.encode({ ...event, output: standIn }, cursor), event.output)
  }
  if ('data' in event && !isOnePiece(event.data)) {
    return framed(encoder.encode({ ...event, data: standIn }, cursor), event.data)
  }
  return encoder.encode(event, cursor)
}

function framed(frame: string | undefined, value: unknown): LargeFrame | undefined {
  if (frame === undefined) return undefined
  const [before = '', after = ''] = frame.split(JSON.stringify(standIn))
  return new LargeFrame({ before, value, after })
}
