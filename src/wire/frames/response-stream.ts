/**
 * The stream of OpenAI's Responses API: its events over SSE, as the API reference describes them ("Responses",
 * "Streaming events"). The number of an event follows from the log alone. So a client that lost its connection continues
 * with `starting_after` on any instance, also after a takeover.
 */
import type { AgentEvent } from '../../event.ts'
import type { Encoder } from './encoder.ts'
import { toSafeJson } from './json.ts'
import { ResponseFold, type ResponseFoldOptions } from './response-fold.ts'
import type { DeltaPlace } from './response-text-item.ts'

export interface ResponseStreamOptions extends ResponseFoldOptions {
  /** The number of the last event that the client has. -1 if it has none. */
  startingAfter: number
  /** Returns the response as the events of its life show it. */
  describe: (fold: ResponseFold) => object
}

/** The encoder needs all events of the log, also those of the parts before its own. */
export interface ResponseEncoder extends Encoder {
  /** The first event, which the client receives before the log has any: it has the id of the response. */
  readonly opening: string
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export function responseEncoder({
  startingAfter,
  describe,
  ...options
}: ResponseStreamOptions): ResponseEncoder {
  let frames = ''
  let sequence = 0
  let place: DeltaPlace | undefined
  let beforeNumber = ''

  const event = (type: string, fields: Readonly<Record<string, unknown>>) => {
    const sequence_number = sequence++
    if (sequence_number <= startingAfter) return
    const response = 'response' in fields && { response: describe(fold) }
    const data = toSafeJson({ type, sequence_number, ...fields, ...response })
    frames += `event: ${type}\ndata: ${data}\n\n`
  }
  const delta = (at: DeltaPlace, text: string) => {
    const sequence_number = sequence++
    if (sequence_number <= startingAfter) return
    if (place !== at) {
      // The bytes around the text of a delta are the same for each token.
      place = at
      beforeNumber = `event: ${String(at['type'])}\ndata: ${JSON.stringify(at).slice(0, -1)},"sequence_number":`
    }
    frames += `${beforeNumber}${sequence_number},"delta":${JSON.stringify(text)}}\n\n`
  }
  const taken = () => {
    const ready = frames
    frames = ''
    return ready
  }
  const fold = new ResponseFold(options, { event, delta })
  event('response.created', { response: undefined })

  function encode(one: AgentEvent): string | undefined {
    fold.add(one)
    return frames === '' ? undefined : taken()
  }

  return {
    sharedAs: undefined,
    headers,
    encode,
    opening: taken(),
    last: '',
    keepAlive: ': \n\n',
    reportsErrors: true,
    nestsData: true,
    nestsOutput: true,
    isOver: () => fold.end !== undefined,
  }
}
