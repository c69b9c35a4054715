/**
 * A keep-alive HTTP/1.1 connection that reads an answer as raw bytes. It stores the bytes and the
 * arrival times of tokens, and parses nothing until the answer is complete. An HTTP library would
 * cost more here than the relay that it measures.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { tokenMark } from './answer.ts'
import { now } from './clock.ts'

export interface Answer {
  sentAt: number
  endedAt: number
  /** Time and tokens so far, alternately: one pair for every read that contained a token. */
  arrivals: number[]
  /** The head and the chunked body, as received. */
  raw: Buffer
}

/** The end of a chunked body. JSON escapes line ends, so it cannot occur within one. */
const lastChunk = Buffer.from('\r\n0\r\n\r\n')

export class Connection {
  readonly #socket: Socket
  readonly #host: string

  constructor(port: number) {
    this.#host = `127.0.0.1:${port}`
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
  }

  /** Posts a JSON body and reads the answer to its end. It sends one request at a time. */
  async post(path: string, body: string, deadlineMs: number): Promise<Answer> {
    const head =
      `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n`
    const sentAt = now()
    this.#socket.write(head + body)
    return readAnswer(this.#socket, sentAt, deadlineMs)
  }

  close(): void {
    this.#socket.destroy()
  }
}

function readAnswer(socket: Socket, sentAt: number, deadlineMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const reads: Buffer[] = []
    const arrivals: number[] = []
    let tokens = 0
    let tail: Buffer = Buffer.alloc(0)

    const onData = (read: Buffer): void => {
      const at = now()
      reads.push(read)
      const count = countTokens(read)
      if (count > 0) arrivals.push(at, (tokens += count))
      tail = read.length >= lastChunk.length ? read : Buffer.concat([tail, read])
      if (!tail.subarray(-lastChunk.length).equals(lastChunk)) return
      settle()
      resolve({ sentAt, endedAt: at, arrivals, raw: Buffer.concat(reads) })
    }
    const onFailure = (error?: unknown): void => {
      settle()
      const receivedText = Buffer.concat(reads).toString('utf8', 0, 600)
      reject(
        new Error(`The answer did not end (${tokens} tokens): ${receivedText}`, { cause: error }),
      )
    }
    const timer = setTimeout(onFailure, deadlineMs)
    const settle = (): void => {
      clearTimeout(timer)
      socket.off('data', onData).off('error', onFailure).off('close', onFailure)
    }
    socket.on('data', onData).on('error', onFailure).on('close', onFailure)
  })
}

function countTokens(read: Buffer): number {
  let count = 0
  for (let at = read.indexOf(tokenMark); at >= 0; at = read.indexOf(tokenMark, at + 1)) count++
  return count
}

/**
 * Returns the body of a raw answer.
 * @throws Error for any status but 200.
 */
export function bodyOf(raw: Buffer): Buffer {
  const headEnd = raw.indexOf('\r\n\r\n')
  const head = raw.toString('latin1', 0, headEnd)
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`Refused: ${raw.toString('utf8', 0, 600)}`)
  const pieces: Buffer[] = []
  for (let at = headEnd + 4; ;) {
    const sizeEnd = raw.indexOf('\r\n', at)
    const size = Number.parseInt(raw.toString('latin1', at, sizeEnd), 16)
    if (!(size > 0)) return Buffer.concat(pieces)
    pieces.push(raw.subarray(sizeEnd + 2, sizeEnd + 2 + size))
    at = sizeEnd + 4 + size
  }
}
