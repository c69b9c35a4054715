/**
 * An MCP server over Streamable HTTP, for messages that arrive on stdin. Each message is a request of its own. After a
 * broken stream, a call of MCP 2025-11-25 or earlier continues at the last event; a later revision has no such events.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/server'

import { errorMessage, LoomError } from '../../ground/error.ts'
import { fieldOf } from '../../ground/fields.ts'
import { plain } from '../render/plain.ts'
import { McpHttp, type McpHttpOptions } from './mcp-http.ts'
import { readMessages } from './mcp-messages.ts'

export interface McpRemoteOptions extends McpHttpOptions {
  /** Sends a message to the client. */
  deliver: (message: JSONRPCMessage) => Promise<void>
  /** Receives a line for the user. */
  report: (line: string) => void
}

/** The pauses before the attempts to continue a stream, in milliseconds. They are longer than a takeover. */
const pausesMs = [100, 250, 500, 1000, 2000, 4000, 8000, 8000]

/** The request of the client that the body names, for its cancellation. */
type RequestId = string | number

export class McpRemote {
  readonly #http: McpHttp
  readonly #options: McpRemoteOptions
  readonly #closing = new AbortController()
  readonly #open = new Map<RequestId, AbortController>()

  /** @throws LoomError `invalid-request` for an address that is not http or https */
  constructor(options: McpRemoteOptions) {
    this.#options = options
    this.#http = new McpHttp(options)
  }

  /** The address of the endpoint. */
  get address(): string {
    return this.#http.address
  }

  /** Sends a message of the client. It reports its failures itself, to the client if it waits for a response. */
  async forward(message: JSONRPCMessage): Promise<void> {
    try {
      if (isRequest(message)) return await this.#call(message)
      if (this.#isCancelled(message)) return
      await this.#http.post(message, this.#closing.signal)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      const text = plain(errorMessage(error))
      if (!isRequest(message)) return this.#options.report(text)
      await this.#options.deliver({
        jsonrpc: '2.0',
        id: message.id,
        error: { code: -32000, message: text },
      })
    }
  }

  /** Ends all requests. */
  close(): void {
    this.#closing.abort()
  }

  async #call(request: JSONRPCRequest): Promise<void> {
    const cancelling = new AbortController()
    this.#open.set(request.id, cancelling)
    try {
      const signal = AbortSignal.any([cancelling.signal, this.#closing.signal])
      await this.#readAnswer(request, await this.#http.post(request, signal), signal)
    } catch (error) {
      // The client does not wait for a response to a cancelled request.
      if (!cancelling.signal.aborted) throw error
    } finally {
      this.#open.delete(request.id)
    }
  }

  async #readAnswer(request: JSONRPCRequest, first: Response, signal: AbortSignal): Promise<void> {
    let response: Response | undefined = first
    let lastId: string | undefined
    for (const pauseMs of [...pausesMs, undefined]) {
      if (response !== undefined) {
        try {
          for await (const { id, message } of readMessages(response)) {
            lastId = id ?? lastId
            if (message === undefined) continue
            const isAnswer = !('method' in message) && message.id === request.id
            if (isAnswer && request.method === 'initialize')
              this.#http.noteSession(response, message)
            await this.#options.deliver(message)
            if (isAnswer) return
          }
        } catch (error) {
          signal.throwIfAborted()
          if (lastId === undefined) throw lost(error)
        }
      }
      if (lastId === undefined || pauseMs === undefined) throw lost()
      await delay(pauseMs, undefined, { signal })
      response = await this.#http.resume(lastId, signal)
    }
  }

  /** In MCP 2026-07-28, the end of its connection cancels a request. */
  #isCancelled(message: JSONRPCMessage): boolean {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return false
    const id = fieldOf(message.params, 'requestId')
    const request =
      typeof id === 'string' || typeof id === 'number' ? this.#open.get(id) : undefined
    if (this.#http.hasSession || request === undefined) return false
    request.abort()
    return true
  }
}

const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  'method' in message && 'id' in message

const lost = (cause?: unknown) =>
  new LoomError(
    'unavailable',
    'The connection to the server broke. Call again with the same messageId, or with the session only, to get the answer.',
    { cause },
  )
