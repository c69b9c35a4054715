/**
 * An MCP server over Streamable HTTP, for messages that arrive on stdin. Each message is a request of its own. After a
 * broken stream, a call of MCP 2025-11-25 or earlier continues at the last event; a later revision has no such events.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/server'

import { errorMessage, LoomError } from '../../ground/error.ts'
import { fieldOf, textField } from '../../ground/fields.ts'
import { plain } from '../render/plain.ts'
import { Api } from './api.ts'
import { readMessages } from './mcp-messages.ts'

export interface McpRemoteOptions {
  /** The address of the server, such as http://127.0.0.1:3000. */
  url: string
  apiKey: string | undefined
  /** Sends a message to the client. */
  deliver: (message: JSONRPCMessage) => Promise<void>
  /** Receives a line for the user. */
  report: (line: string) => void
  /** @defaultValue the global `fetch` */
  fetch?: typeof fetch
}

/** The pauses before the attempts to continue a stream, in milliseconds. They are longer than a takeover. */
const pausesMs = [100, 250, 500, 1000, 2000, 4000, 8000, 8000]

/** The request of the client that the body names, for its cancellation. */
type RequestId = string | number

export class McpRemote {
  /** The address of its endpoint. */
  readonly address: string
  readonly #options: McpRemoteOptions
  readonly #closing = new AbortController()
  readonly #open = new Map<RequestId, AbortController>()
  #session: string | undefined
  #version: string | undefined

  /** @throws LoomError `invalid-request` for an address that is not http or https */
  constructor(options: McpRemoteOptions) {
    this.#options = options
    const base = options.url.replace(/\/mcp\/*$/, '')
    this.address = new Api({ ...options, url: base, path: '/mcp' }).address
  }

  /** Sends a message of the client. It reports its failures itself, to the client if it waits for a response. */
  async forward(message: JSONRPCMessage): Promise<void> {
    try {
      if (isRequest(message)) return await this.#call(message)
      if (this.#isCancelled(message)) return
      await this.#post(message, this.#closing.signal)
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
      await this.#readAnswer(request, await this.#post(request, signal), signal)
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
            if (isAnswer && request.method === 'initialize') this.#noteSession(response, message)
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
      response = await this.#resume(lastId, signal)
    }
  }

  /** In MCP 2026-07-28, the end of its connection cancels a request. */
  #isCancelled(message: JSONRPCMessage): boolean {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return false
    const id = fieldOf(message.params, 'requestId')
    const request =
      typeof id === 'string' || typeof id === 'number' ? this.#open.get(id) : undefined
    if (this.#session !== undefined || request === undefined) return false
    request.abort()
    return true
  }

  #noteSession({ headers }: Response, message: JSONRPCMessage): void {
    this.#session = headers.get('mcp-session-id') ?? undefined
    this.#version = textField(fieldOf(message, 'result'), 'protocolVersion')
  }

  async #post(message: JSONRPCMessage, signal: AbortSignal): Promise<Response> {
    const response = await this.#send({
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#headersOf(message) },
      body: JSON.stringify(message),
      signal,
    })
    if (response.ok || isRpcError(response)) return response
    throw refusal(response.status, await response.text())
  }

  /** Returns undefined if the server cannot be reached now. */
  async #resume(lastId: string, signal: AbortSignal): Promise<Response | undefined> {
    const headers = { ...this.#headersOf(undefined), 'last-event-id': lastId }
    const response = await this.#send({ method: 'GET', headers, signal }).catch(() => undefined)
    if (response === undefined || response.status >= 500) return undefined
    if (response.ok) return response
    throw refusal(response.status, await response.text())
  }

  #send(
    init: Omit<RequestInit, 'headers'> & { headers: Record<string, string> },
  ): Promise<Response> {
    const { fetch: send = fetch, apiKey } = this.#options
    const headers = {
      accept: 'application/json, text/event-stream',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...init.headers,
    }
    return send(this.address, { ...init, headers }).catch((cause: unknown) => {
      init.signal?.throwIfAborted()
      throw new LoomError('unavailable', `${this.address} cannot be reached.`, { cause })
    })
  }

  /** A request of MCP 2026-07-28 names its revision itself, and repeats a part of its body in headers. */
  #headersOf(message: JSONRPCMessage | undefined): Record<string, string> {
    const method = textField(message, 'method')
    const params = fieldOf(message, 'params')
    const own = textField(fieldOf(params, '_meta'), 'io.modelcontextprotocol/protocolVersion')
    const version = own ?? this.#version
    const name = textField(params, 'name')
    return {
      ...(version !== undefined && { 'mcp-protocol-version': version }),
      ...(own === undefined && this.#session !== undefined && { 'mcp-session-id': this.#session }),
      ...(own !== undefined && method !== undefined && { 'mcp-method': method }),
      ...(own !== undefined && name !== undefined && { 'mcp-name': name }),
    }
  }
}

const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  'method' in message && 'id' in message

/** An error of the protocol answers the request, such as one for a revision that the server does not speak. */
const isRpcError = ({ status, headers }: Response): boolean =>
  status === 400 && headers.get('content-type')?.startsWith('application/json') === true

function refusal(status: number, text: string): LoomError {
  let said: unknown
  try {
    said = fieldOf(fieldOf(JSON.parse(text), 'error'), 'message')
  } catch {
    // The body of a proxy need not be JSON.
  }
  const reason = typeof said === 'string' ? said : text.slice(0, 200)
  return new LoomError('unavailable', `The server refused the request (${status}): ${reason}`)
}

const lost = (cause?: unknown) =>
  new LoomError(
    'unavailable',
    'The connection to the server broke. Call again with the same messageId, or with the session only, to get the answer.',
    { cause },
  )
