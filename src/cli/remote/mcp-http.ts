/**
 * The HTTP requests of an MCP client. It notes the session and the revision that `initialize` returned, and sends them
 * with each later request.
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import { LoomError } from '../../ground/error.ts'
import { fieldOf, textField } from '../../ground/fields.ts'
import { jsonValueOf } from '../../ground/json.ts'
import { Api } from './api.ts'

export interface McpHttpOptions {
  /** The address of the server, such as http://127.0.0.1:3000. */
  url: string
  apiKey: string | undefined
  /** @defaultValue the global `fetch` */
  fetch?: typeof fetch
}

export class McpHttp {
  /** The address of its endpoint. */
  readonly address: string
  readonly #options: McpHttpOptions
  #session: string | undefined
  #version: string | undefined

  /** @throws LoomError `invalid-request` for an address that is not http or https */
  constructor(options: McpHttpOptions) {
    this.#options = options
    const base = options.url.replace(/\/mcp\/*$/, '')
    this.address = new Api({ ...options, url: base, path: '/mcp' }).address
  }

  /** Whether `initialize` began a session: clients of MCP 2026-07-28 have none. */
  get hasSession(): boolean {
    return this.#session !== undefined
  }

  /** @param message the response to `initialize` */
  noteSession({ headers }: Response, message: JSONRPCMessage): void {
    this.#session = headers.get('mcp-session-id') ?? undefined
    this.#version = textField(fieldOf(message, 'result'), 'protocolVersion')
  }

  /** @throws LoomError `unavailable` for a refusal, and for a server that cannot be reached */
  async post(message: JSONRPCMessage, signal: AbortSignal): Promise<Response> {
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
  async resume(lastId: string, signal: AbortSignal): Promise<Response | undefined> {
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

/** An error of the protocol answers the request, such as one for a revision that the server does not speak. */
const isRpcError = ({ status, headers }: Response): boolean =>
  status === 400 && headers.get('content-type')?.startsWith('application/json') === true

function refusal(status: number, text: string): LoomError {
  // The body of a proxy need not be JSON.
  const said = textField(fieldOf(jsonValueOf(text), 'error'), 'message')
  const reason = said ?? text.slice(0, 200)
  return new LoomError('unavailable', `The server refused the request (${status}): ${reason}`)
}
