/**
 * One request of a client of MCP 2025-11-25 or earlier, as a transport of the library. The server of the exchange is new,
 * and first receives what the client said in its `initialize` request. A call gets a stream once it is accepted; every
 * other request gets one JSON object.
 */
import type { JSONRPCMessage, JSONRPCRequest, Transport } from '@modelcontextprotocol/server'
import type { Context } from 'hono'

import type { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import { agentServer } from '../../src/mcp-server/agent-server.ts'
import type { CallPlace } from '../../src/mcp-server/call-place.ts'
import type { McpHost } from '../../src/mcp-server/host.ts'
import { answerError } from '../errors.ts'
import type { SessionWorld } from '../session-world.ts'
import { CallStream } from './call-stream.ts'
import { type ClientToken, initializeParams, newToken } from './client-token.ts'

export interface Exchanged {
  host: McpHost
  request: JSONRPCRequest
  token: ClientToken | undefined
  /** Identifies the request among all of its clients. Undefined without a token. */
  requestKey: string | undefined
  /** Aborted if the client cancels the request at this instance. */
  cancelled: AbortSignal
}

/** The id of the repeated `initialize` request. No client sends it. */
const replayId = 'loom:initialize'

export class LegacyExchange implements Transport {
  onmessage?: NonNullable<Transport['onmessage']>
  onclose?: () => void
  readonly #c: Context
  readonly #world: SessionWorld
  readonly #exchanged: Exchanged
  readonly #stream: CallStream
  readonly #response = Promise.withResolvers<Response>()
  readonly #replayed = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #place: CallPlace | undefined
  #refusal: LoomError | undefined
  #isLost = false

  constructor(c: Context, world: SessionWorld, exchanged: Exchanged) {
    this.#c = c
    this.#world = world
    this.#exchanged = exchanged
    const { id, params } = exchanged.request
    this.#stream = new CallStream(c, world, {
      requestId: id,
      tool: textField(params, 'name') ?? '',
      progressToken: progressTokenIn(params),
    })
  }

  async start(): Promise<void> {}

  async close(): Promise<void> {
    this.onclose?.()
  }

  /** Serves the request. The response may be a stream that goes on. */
  async serve(): Promise<Response> {
    const { host, request, token, requestKey, cancelled } = this.#exchanged
    const { gone, ask, withdraw } = this.#stream
    const server = agentServer(host, {
      requestKey,
      cancelled,
      gone,
      ask,
      withdraw,
      onRefusal: (error) => {
        this.#refusal = error
      },
      onAccepted: (place) => this.#accept(place),
      onLost: () => {
        this.#isLost = true
      },
    })
    await server.connect(this)
    if (token !== undefined) {
      const params = initializeParams(token)
      this.onmessage?.({ jsonrpc: '2.0', id: replayId, method: 'initialize', params })
      await this.#replayed.promise
    }
    this.onmessage?.(request)
    // The server belongs to this exchange alone.
    this.#ended.promise.then(() => server.close()).catch(host.loom.report)
    return this.#response.promise
  }

  /** Settles after the last message to the client. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const isResponse = !('method' in message)
    if (isResponse && message.id === replayId) return this.#replayed.resolve()
    if (!isResponse) {
      // Only a call sends notifications, after it was accepted.
      if (this.#place !== undefined) await this.#stream.send(message, this.#place)
      return
    }
    if (this.#place !== undefined) this.#stream.end(this.#isLost ? undefined : message)
    else this.#response.resolve(this.#whole(message))
    this.#ended.resolve()
  }

  #accept(place: CallPlace): void {
    this.#place = place
    this.#response.resolve(this.#stream.open(place, this.#exchanged.token?.version))
  }

  #whole(message: JSONRPCMessage): Response {
    const c = this.#c
    const { request } = this.#exchanged
    if (this.#refusal !== undefined) {
      return answerError(this.#refusal, c, this.#world.loom, { jsonRpcId: request.id })
    }
    const version = textField(fieldOf(message, 'result'), 'protocolVersion')
    if (request.method === 'initialize' && version !== undefined) {
      c.header('Mcp-Session-Id', newToken(request.params, version))
    }
    return c.json(message)
  }
}

function progressTokenIn(params: unknown): string | number | undefined {
  const token = fieldOf(fieldOf(params, '_meta'), 'progressToken')
  return typeof token === 'string' || typeof token === 'number' ? token : undefined
}
