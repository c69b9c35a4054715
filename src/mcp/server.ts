/**
 * An MCP server as its tools see it: connected when first needed, and again when it was gone. A call is
 * made a second time only where the first surely did nothing.
 */
import { type CallToolResult, MCPClientError } from '@ai-sdk/mcp'

import { errorMessage } from '../error.ts'
import { abortError, untilAborted } from '../until-aborted.ts'
import { cut } from './answer.ts'
import {
  causesOf,
  connect,
  type Connection,
  listTools,
  type McpToolDefinition,
} from './connection.ts'
import type { McpServer } from './server-options.ts'

export interface ServerLinkOptions {
  connectMs: number
  callMs: number
  variables: Readonly<Record<string, string>>
  /** Strikes out what a server may echo. */
  redact: (text: string) => string
  report: (line: string) => void
}

/** A list is asked for again after so long: not every server tells when it changes. */
const listMs = 60_000
/** The pause after a failed connection, which doubles. Nobody waits in it. */
const firstPauseMs = 1000
const longestPauseMs = 60_000

export class ServerLink {
  readonly server: McpServer
  readonly #options: ServerLinkOptions
  #connecting: Promise<Connection> | undefined
  #connection: Connection | undefined
  #tools: readonly McpToolDefinition[] = []
  #listedAt: number | undefined
  #pauseMs = firstPauseMs
  #pausedUntil = 0
  #problem = ''
  #isClosed = false

  constructor(server: McpServer, options: ServerLinkOptions) {
    this.server = server
    this.#options = options
  }

  /**
   * What the server offers, or offered when it was last there: a call of it then says what is wrong.
   * Empty where it was never reached. Never rejects.
   */
  async tools(): Promise<readonly McpToolDefinition[]> {
    if (this.#isClosed) return []
    const isFresh = this.#listedAt !== undefined && performance.now() - this.#listedAt < listMs
    if (isFresh && this.#connection?.isOpen() === true) return this.#tools
    try {
      const known = this.#connection
      const connection = await this.#connect()
      // A new connection has just listed them.
      if (connection === known) await this.#list(connection)
    } catch {
      // It was reported when it failed.
    }
    return this.#tools
  }

  /** Why the server has never been reached; undefined where it was, or nobody has tried. */
  get unreached(): string | undefined {
    return this.#listedAt === undefined && this.#problem !== '' ? this.#problem : undefined
  }

  /** Tries to reach the server at once, whatever happened before. @throws Error that says why not. */
  async retry(): Promise<readonly McpToolDefinition[]> {
    this.#pausedUntil = 0
    await this.#connect()
    return this.#tools
  }

  /** @throws Error for the model: what the call failed of, and whether it may have been done. */
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
        const fate = fateOf(error, connection)
        if (fate !== 'answered') this.#drop(connection)
        if (fate === 'undone' && attempt === 1) continue
        const problem = cut(redact(causesOf(error)))
        const doubt = `${problem.replace(/\.$/, '')}. Whether it was done is unknown.`
        throw new Error(fate === 'unknown' ? doubt : problem, { cause: error })
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
    const onToolsChanged = () => (this.#listedAt = undefined)
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
      this.#listedAt = now
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
 * What became of a call that failed: `answered` is the server's own error, `undone` certainly did
 * nothing, since there was no server or no session, and of `unknown` nobody knows.
 */
function fateOf(error: unknown, connection: Connection): 'answered' | 'undone' | 'unknown' {
  if (MCPClientError.isInstance(error)) return fateOfAnswer(error, connection)
  const { cause } = error instanceof Error ? error : {}
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ECONNREFUSED' ? 'undone' : 'unknown'
}

function fateOfAnswer(
  { message, code, statusCode = 0 }: MCPClientError,
  connection: Connection,
): 'answered' | 'undone' | 'unknown' {
  if (message.includes('from a closed client')) return 'undone'
  const isRefusal = [400, 404].includes(statusCode) || [-32000, -32001].includes(code ?? 0)
  // A server that was restarted does not know the session; each has its own words for it.
  if (isRefusal && /\bsession\b|not initialized/i.test(message)) return 'undone'
  if (code !== undefined || (statusCode >= 400 && statusCode < 500)) return 'answered'
  return message.includes('timed out') && connection.isOpen() ? 'answered' : 'unknown'
}
