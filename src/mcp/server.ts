/**
 * The link between an MCP server and its tools. It connects at the first need, and again after the server
 * was gone. It repeats a call only if the first attempt certainly had no effect.
 */
import { type CallToolResult, MCPClientError } from '@ai-sdk/mcp'

import { errorMessage } from '../ground/error.ts'
import { abortError, untilAborted } from '../ground/until-aborted.ts'
import {
  causesOf,
  connect,
  type Connection,
  listTools,
  type McpToolDefinition,
} from './connection.ts'
import { cut } from './result-text.ts'
import type { McpServer } from './server-options.ts'

export interface ServerLinkOptions {
  connectMs: number
  callMs: number
  variables: Readonly<Record<string, string>>
  /** Removes secrets that a server may repeat in its messages. */
  redact: (text: string) => string
  report: (line: string) => void
}

/** The age at which a list of tools is read again: not every server reports a change. */
const listMs = 60_000
/** The pause after a failed connection. It doubles each time. A call in the pause fails at once. */
const firstPauseMs = 1000
const longestPauseMs = 60_000

export class ServerLink {
  readonly server: McpServer
  readonly #options: ServerLinkOptions
  #connecting: Promise<Connection> | undefined
  #connection: Connection | undefined
  #tools: readonly McpToolDefinition[] = []
  #listTime: number | undefined
  #pauseMs = firstPauseMs
  #pausedUntil = 0
  #problem = ''
  #isClosed = false

  constructor(server: McpServer, options: ServerLinkOptions) {
    this.server = server
    this.#options = options
  }

  /**
   * Returns the server's tools; if the server is gone, those of the last connection, whose calls then report
   * the problem. The list is empty before the first connection. Never rejects.
   */
  async tools(): Promise<readonly McpToolDefinition[]> {
    if (this.#isClosed) return []
    const isFresh = this.#listTime !== undefined && performance.now() - this.#listTime < listMs
    if (isFresh && this.#connection?.isOpen() === true) return this.#tools
    try {
      const previous = this.#connection
      const connection = await this.#connect()
      // A new connection has already read the list.
      if (connection === previous) await this.#list(connection)
    } catch {
      // `#open` has reported the failure.
    }
    return this.#tools
  }

  /** The reason why no connection has ever succeeded; undefined after a success or before an attempt. */
  get unreached(): string | undefined {
    return this.#listTime === undefined && this.#problem !== '' ? this.#problem : undefined
  }

  /**
   * Connects to the server at once, even during a pause. Returns the tools.
   * @throws Error with the reason why the server cannot be reached.
   */
  async retry(): Promise<readonly McpToolDefinition[]> {
    this.#pausedUntil = 0
    await this.#connect()
    return this.#tools
  }

  /**
   * Calls a tool.
   * @throws Error for the model, with the reason of the failure and whether the effect is unknown.
   */
  async call(
    name: string,
    input: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<CallToolResult> {
    const { callMs, redact } = this.#options
    for (let attempt = 1; ; attempt++) {
      const connection = await untilAborted(signal, () => this.#connect())
      try {
        const options = { signal, timeout: callMs }
        return await connection.client.callTool({ name, arguments: input, options })
      } catch (error) {
        if (signal.aborted) throw abortError(signal)
        const effect = effectOf(error, connection)
        if (effect !== 'answered') this.#drop(connection)
        if (effect === 'undone' && attempt === 1) continue
        const problem = cut(redact(causesOf(error)))
        const doubt = `${problem.replace(/\.$/, '')}. Whether it was done is unknown.`
        throw new Error(effect === 'unknown' ? doubt : problem, { cause: error })
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const connection = await this.#connecting?.catch(() => undefined)
    await (connection ?? this.#connection)?.close().catch(() => undefined)
    this.#connection = undefined
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new Error(`${this.#name} was closed.`))
    if (this.#connection?.isOpen() === true) return Promise.resolve(this.#connection)
    if (this.#connecting !== undefined) return this.#connecting
    if (performance.now() < this.#pausedUntil) return Promise.reject(new Error(this.#problem))
    this.#connecting = this.#open().finally(() => (this.#connecting = undefined))
    return this.#connecting
  }

  async #open(): Promise<Connection> {
    const { connectMs, variables, redact, report } = this.#options
    const onToolsChanged = () => (this.#listTime = undefined)
    try {
      const connection = await connect(this.server, { connectMs, variables, onToolsChanged })
      try {
        await this.#list(connection)
      } catch (error) {
        await connection.close().catch(() => undefined)
        throw error
      }
      this.#connection = connection
      if (this.#problem !== '') report(`${this.#name} is there again.`)
      this.#problem = ''
      this.#pauseMs = firstPauseMs
      return connection
    } catch (error) {
      const isNew = this.#problem === ''
      this.#problem = `${this.#name} cannot be reached: ${cut(redact(errorMessage(error)))}`
      this.#pausedUntil = performance.now() + this.#pauseMs
      this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
      if (isNew) report(this.#problem)
      throw new Error(this.#problem, { cause: error })
    }
  }

  async #list(connection: Connection): Promise<void> {
    const now = performance.now()
    try {
      this.#tools = await listTools(connection, this.#options.connectMs)
      this.#listTime = now
    } catch (error) {
      this.#drop(connection)
      throw error
    }
  }

  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined
    connection.close().catch(() => undefined)
  }

  get #name(): string {
    return `MCP server "${this.server.name}"`
  }
}

/**
 * Returns the effect of a failed call. `answered` is the server's own error. `undone` means that the call
 * certainly had no effect, since there was no server or no session. Otherwise the effect is `unknown`.
 */
function effectOf(error: unknown, connection: Connection): 'answered' | 'undone' | 'unknown' {
  if (MCPClientError.isInstance(error)) return effectOfError(error, connection)
  const { cause } = error instanceof Error ? error : {}
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ECONNREFUSED' ? 'undone' : 'unknown'
}

function effectOfError(
  { message, code, statusCode = 0 }: MCPClientError,
  connection: Connection,
): 'answered' | 'undone' | 'unknown' {
  if (message.includes('from a closed client')) return 'undone'
  const isRefusal = [400, 404].includes(statusCode) || [-32000, -32001].includes(code ?? 0)
  // A restarted server does not know the session. Servers report this in different words.
  if (isRefusal && /\bsession\b|not initialized/i.test(message)) return 'undone'
  if (code !== undefined || (statusCode >= 400 && statusCode < 500)) return 'answered'
  return message.includes('timed out') && connection.isOpen() ? 'answered' : 'unknown'
}
