/**
 * An MCP server as a child process: JSON-RPC over its stdin and stdout, one message a line. The server
 * receives only the configured environment variables. It ends together with Loom: `close` first ends its
 * input and then, after a time limit, kills the process group. The group also ends if Loom is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

import { type JSONRPCMessage, type MCPTransport, validateJSONRPCMessage } from '@ai-sdk/mcp'

import { errorMessage } from '../ground/error.ts'
import { fieldOf } from '../ground/fields.ts'
import { repairMessage, type RepairedMethod } from './repair.ts'

export interface StdioServer {
  command: string
  args: readonly string[]
  variables: Readonly<Record<string, string>>
  cwd: string | undefined
}

/** The time that `close` gives a server to end by itself. */
const exitWaitMs = 2000

/** The maximum length of a message, since a message is in memory as a whole. */
const lineMax = 32 * 1024 * 1024

/** Kills the process group when the other end of descriptor 3 closes, which also happens if Loom dies. */
const supervisorScript =
  '(while read -r _ <&3; do :; done; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-'

export class StdioTransport implements MCPTransport {
  readonly supportsProtocolVersionDiscovery = true
  // The MCP client sets these three.
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  /** Called when the server reports that its list of tools has changed. */
  onToolsChanged?: () => void
  readonly #server: StdioServer
  #child: ChildProcess | undefined
  #isOpen = false
  /** The end of the server's stderr, for error messages. */
  #errorOutput = ''
  #line = ''
  /** The open requests whose answers are repaired. */
  readonly #repaired = new Map<unknown, RepairedMethod>()
  /** Functions that remove the abort listener of each open request. */
  readonly #unwatch = new Map<string | number, () => void>()

  constructor(server: StdioServer) {
    this.#server = server
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get errorOutput(): string {
    return this.#errorOutput.trim()
  }

  async start(): Promise<void> {
    const { command, args, variables, cwd } = this.#server
    const child = spawn('sh', ['-c', supervisorScript, 'loom', command, ...args], {
      env: variables,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
      ...(cwd !== undefined && { cwd }),
    })
    this.#child = child
    child.stdin?.on('error', () => undefined)
    child.stdio[3]?.on('error', () => undefined)
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#errorOutput = `${this.#errorOutput}${bytes.toString()}`.slice(-1000)
    })
    child.once('exit', () => this.#onExit())
    await once(child, 'spawn')
    this.#isOpen = true
    // `setEncoding` decodes across chunks, so that no character is cut.
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
  }

  async send(message: JSONRPCMessage, options?: { signal?: AbortSignal }): Promise<void> {
    const stdin = this.#child?.stdin
    if (!this.#isOpen || stdin == null) throw new Error('the server has ended')
    if ('method' in message && 'id' in message) {
      const { id, method } = message
      if (method === 'tools/list' || method === 'tools/call') this.#repaired.set(id, method)
      this.#watch(id, options?.signal)
    }
    if (stdin.write(`${JSON.stringify(message)}\n`)) return
    // If the server does not read, the time limit of the call ends the wait.
    await once(stdin, 'drain', options)
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.stdin?.end()
    if (child.exitCode === null && child.signalCode === null) await waitForEvent(child, 'exit')
    this.#onExit()
    // Its last stderr output may arrive until `close`.
    if (!child.stderr?.closed) await waitForEvent(child, 'close')
  }

  /** Sends `notifications/cancelled` when the signal of a request aborts, as the protocol requires. */
  #watch(id: string | number, signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const cancel = () => {
      this.#unwatch.delete(id)
      this.#repaired.delete(id)
      const params = { requestId: id, reason: 'aborted' }
      const message = { jsonrpc: '2.0', method: 'notifications/cancelled', params } as const
      this.send(message).catch(() => undefined)
    }
    signal.addEventListener('abort', cancel, { once: true })
    this.#unwatch.set(id, () => signal.removeEventListener('abort', cancel))
  }

  #read(text: string): void {
    const [first = '', ...more] = text.split('\n')
    this.#line += first
    for (const next of more) {
      this.#receive(this.#line)
      this.#line = next
    }
    if (this.#line.length <= lineMax) return
    this.onerror?.(new Error(`the server sent a message of more than ${lineMax} characters`))
    this.#onExit()
  }

  #receive(line: string): void {
    if (line.trim() === '') return
    try {
      const message = validateJSONRPCMessage(this.#repair(JSON.parse(line)))
      if ('method' in message && !('id' in message)) {
        // The MCP client does not support notifications.
        if (message.method === 'notifications/tools/list_changed') this.onToolsChanged?.()
        return
      }
      if (!('method' in message) && message.id != null) this.#onAnswer(message.id)
      this.onmessage?.(message)
    } catch (error) {
      this.onerror?.(new Error(errorMessage(error), { cause: error }))
    }
  }

  #repair(message: unknown): unknown {
    const id = fieldOf(message, 'id')
    const method = this.#repaired.get(id)
    if (method === undefined || fieldOf(message, 'method') !== undefined) return message
    this.#repaired.delete(id)
    return repairMessage(message, method)
  }

  #onAnswer(id: string | number): void {
    this.#unwatch.get(id)?.()
    this.#unwatch.delete(id)
  }

  #onExit(): void {
    // Ends the remaining processes of the group.
    this.#child?.stdio[3]?.destroy()
    this.#isOpen = false
    for (const unwatch of this.#unwatch.values()) unwatch()
    this.#unwatch.clear()
    this.#repaired.clear()
    this.onclose?.()
  }
}

async function waitForEvent(child: ChildProcess, event: 'exit' | 'close'): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, exitWaitMs)
  child.once(event, resolve)
  await promise
  clearTimeout(timer)
}
