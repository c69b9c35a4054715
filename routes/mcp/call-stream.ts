/**
 * The stream of a call for a client of MCP 2025-11-25 and earlier: JSON-RPC messages over SSE. The id of each event is the
 * place of the call, so the client can continue at any instance after a broken connection (`Last-Event-ID`). A client
 * that is gone does not cancel its call (MCP 2025-11-25, "Streamable HTTP").
 */
import type { Context } from 'hono'

import { type CallPlace, placeText } from '../../src/mcp-server/call-place.ts'
import { formOf, keyOf } from '../../src/mcp-server/questions.ts'
import type { OpenCall } from '../../src/session/session-info.ts'
import { storedId } from '../../src/session/tenant-ids.ts'
import type { Encoder } from '../../src/wire/frames.ts'
import { toSafeJson } from '../../src/wire/frames/json.ts'
import { ResponseSink } from '../../src/wire/response.ts'
import { watchAccess } from '../access-watch.ts'
import type { SessionWorld } from '../session-world.ts'
import { questionText } from './question-id.ts'

/** The request of a stream. */
export interface StreamedRequest {
  /** The id of the JSON-RPC request. */
  requestId: string | number
  /** The name of the tool. */
  tool: string
  /** The token of the progress notifications. Undefined if the client wants none. */
  progressToken?: string | number | undefined
}

/** The stream sends whole frames, and no event of the log. */
const encoder: Encoder = {
  sharedAs: undefined,
  headers: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  },
  encode: () => undefined,
  last: '',
  keepAlive: ': \n\n',
  reportsErrors: true,
}

/** The first revision whose clients accept an event without data. */
const emptyEventsSince = '2025-11-25'

export class CallStream {
  readonly #c: Context
  readonly #world: SessionWorld
  readonly #request: StreamedRequest
  readonly #client = new AbortController()
  #sink: ResponseSink | undefined
  #unwatch: (() => void) | undefined

  constructor(c: Context, world: SessionWorld, request: StreamedRequest) {
    this.#c = c
    this.#world = world
    this.#request = request
  }

  /** Aborted if the client is gone, or may not read the session any more. */
  get gone(): AbortSignal {
    return this.#client.signal
  }

  /**
   * Begins the stream. The first event has no data and gives the client a place to come back to.
   * @param version the revision of the client. Undefined if it is not known
   */
  open(place: CallPlace, version: string | undefined): Response {
    const world = this.#world
    const { keepAliveMs } = world.loom
    const sink = new ResponseSink(this.#c, { encoder, keepAliveMs })
    this.#sink = sink
    const sessionId = storedId(world.tenant, place.session)
    this.#unwatch = watchAccess(world, { sessionId, staysOpen: false }, sink)
    sink.closed.addEventListener('abort', () => this.#client.abort(sink.closed.reason), {
      once: true,
    })
    if (version !== undefined && version >= emptyEventsSince) {
      void this.#frame(`id: ${this.#idOf(place)}\ndata: \n\n`)
    }
    return sink.open()
  }

  /** @param place the place of the call after the message */
  send(message: object, place: CallPlace): void | Promise<void> {
    return this.#frame(`id: ${this.#idOf(place)}\ndata: ${toSafeJson(message)}\n\n`)
  }

  readonly ask = async (calls: readonly OpenCall[], place: CallPlace): Promise<void> => {
    for (const call of calls) {
      const { session, logId } = place
      const id = questionText({ session, logId, key: keyOf(call) })
      await this.send(
        { jsonrpc: '2.0', id, method: 'elicitation/create', params: formOf(call) },
        place,
      )
    }
  }

  readonly withdraw = async (keys: readonly string[], place: CallPlace): Promise<void> => {
    for (const key of keys) {
      const { session, logId } = place
      const requestId = questionText({ session, logId, key })
      const params = { requestId, reason: 'The question has an answer.' }
      await this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, place)
    }
  }

  /**
   * Ends the stream.
   * @param message the response to the request. Undefined cuts the connection, after which a client comes back.
   */
  end(message: object | undefined): void {
    if (message !== undefined) void this.#frame(`data: ${toSafeJson(message)}\n\n`)
    this.#unwatch?.()
    this.#sink?.end(message !== undefined)
  }

  #frame(frame: string): void | Promise<void> {
    return this.#sink?.sendEncoded({ type: 'start' }, frame)
  }

  #idOf(place: CallPlace): string {
    return placeText({ ...place, ...this.#request })
  }
}
