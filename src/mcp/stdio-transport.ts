/**
 * An MCP server that is a process of ours: JSON-RPC, a line a message, over its input and output. It is
 * given the variables it is said to need and no others, and it ends with us: politely if there is
 * time, with all that it started if not, and also where Loom itself is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

import { type JSONRPCMessage, type MCPTransport, validateJSONRPCMessage } from '@ai-sdk/mcp'

import { errorMessage } from '../error.ts'
import { withWholeTools } from './tool-list.ts'

export interface StdioServer {
  command: string
  args: readonly string[]
  variables: Readonly<Record<string, string>>
  cwd: string | undefined
}

/** What closing gives a server to end by itself. */
const patienceMs = 2000

/** A message is in memory whole. */
const lineMax = 32 * 1024 * 1024

/** Ends the process group when the other end of descriptor 3 is closed, whoever closes it. */
const leash = '(while read -r _ <&3; do :; done; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-'

export class StdioTransport implements MCPTransport {
  readonly supportsProtocolVersionDiscovery = true
  // The client sets these three.
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  /** Is told when the server has other tools than it listed. */
  onToolsChanged?: () => void
  readonly #server: StdioServer
  #child: ChildProcess | undefined
  #isOpen = false
  /** The last of what the server says on its error output, for whoever has to find out what is wrong. */
  #lastWords = ''
  #line = ''
  /** Ends the watch over a request's signal. */
  readonly #unwatch = new Map<string | number, () => void>()

  constructor(server: StdioServer) {
    this.#server = server
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get lastWords(): string {
    return this.#lastWords.trim()
  }

  async start(): Promise<void> {
    const { command, args, variables, cwd } = this.#server
    const child = spawn('sh', ['-c', leash, 'loom', command, ...args], {
      env: variables,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
      ...(cwd !== undefined && { cwd }),
    })
    this.#child = child
    child.stdin?.on('error', () => undefined)
    child.stdio[3]?.on('error', () => undefined)
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#lastWords = `${this.#lastWords}${bytes.toString()}`.slice(-1000)
    })
    child.once('exit', () => this.#ended())
    await once(child, 'spawn')
    this.#isOpen = true
    // A decoder between: no character is cut in two.
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
  }

  async send(message: JSONRPCMessage, options?: { signal?: AbortSignal }): Promise<void> {
    const stdin = this.#child?.stdin
    if (!this.#isOpen || stdin == null) throw new Error('the server has ended')
    if ('method' in message && 'id' in message) this.#watch(message.id, options?.signal)
    if (stdin.write(`${JSON.stringify(message)}\n`)) return
    // One that does not read is ended by the time limit of the call.
    await once(stdin, 'drain', options)
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.stdin?.end()
    if (child.exitCode === null && child.signalCode === null) await happens(child, 'exit')
    this.#ended()
    // Until then its last words may come.
    if (!child.stderr?.closed) await happens(child, 'close')
  }

  /** Tells the server when nobody waits for a request's answer any more, as the protocol asks for. */
  #watch(id: string | number, signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    const cancel = () => {
      this.#unwatch.delete(id)
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
    this.#ended()
  }

  #receive(line: string): void {
    if (line.trim() === '') return
    try {
      const message = validateJSONRPCMessage(withWholeTools(JSON.parse(line)))
      if ('method' in message && !('id' in message)) {
        // The client knows no notifications.
        if (message.method === 'notifications/tools/list_changed') this.onToolsChanged?.()
        return
      }
      if (!('method' in message) && message.id != null) this.#answered(message.id)
      this.onmessage?.(message)
    } catch (error) {
      this.onerror?.(new Error(errorMessage(error), { cause: error }))
    }
  }

  #answered(id: string | number): void {
    this.#unwatch.get(id)?.()
    this.#unwatch.delete(id)
  }

  #ended(): void {
    // Ends what is left of the group.
    this.#child?.stdio[3]?.destroy()
    this.#isOpen = false
    for (const unwatch of this.#unwatch.values()) unwatch()
    this.#unwatch.clear()
    this.onclose?.()
  }
}

async function happens(child: ChildProcess, event: 'exit' | 'close'): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, patienceMs)
  child.once(event, resolve)
  await promise
  clearTimeout(timer)
}
