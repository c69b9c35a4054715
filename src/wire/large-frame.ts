/**
 * A frame of many megabytes, which holds the output of a tool. It is made and sent a piece at a time:
 * as one text it would hold up all other readers.
 */
import type { AgentEvent } from '../event.ts'
import { isOnePiece, jsonPieces } from '../ground/json/pieces.ts'
import type { Encoder } from './frames.ts'
import { withoutPrototypes } from './frames/json.ts'

/** Stands for the large value while the rest of the frame is encoded. */
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

/** The bytes of an event; see `Encoder.encode`. Only the output of a tool and data of our own are large. */
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
