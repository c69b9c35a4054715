/**
 * A command that runs, as it is seen from here: what its supervisor says of it, and its output. Neither
 * waits for the other: the end may be told before the last words are read.
 */
import type { ChildProcess } from 'node:child_process'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import type { CommandOutput } from './output.ts'
import type { Pipe } from './pipe.ts'

/** Output that stops for so long has ended, when the command has. */
const silenceMs = 100

/**
 * The longest that output is read after the command's own end, in milliseconds. A process in the
 * background that prints for ever would otherwise hold the command until its time limit.
 */
const lastWordsMs = 1000

/** A pipe of Linux holds so much: what the command itself wrote is within these bytes. */
const pipeBytes = 64 * 1024

/** Takes output in as fast as it is kept, and knows since when there was none. */
export class Reader {
  readonly output: CommandOutput
  #lastChunkAt = 0
  #isKeeping = false
  #bytes = 0

  constructor(output: CommandOutput) {
    this.output = output
  }

  receive(bytes: Uint8Array): Promise<void> | undefined {
    this.#lastChunkAt = performance.now()
    this.#bytes += bytes.length
    const kept = this.output.push(bytes)
    if (kept === undefined) return undefined
    this.#isKeeping = true
    return kept.finally(() => {
      this.#isKeeping = false
      this.#lastChunkAt = performance.now()
    })
  }

  /** Settles when nothing has come for a moment, and at the latest after `lastWordsMs`. */
  async silence(): Promise<void> {
    const begin = performance.now()
    const bytesBefore = this.#bytes
    this.#lastChunkAt = begin
    for (;;) {
      const now = performance.now()
      const rest = this.#lastChunkAt + silenceMs - now
      if (rest <= 0 && !this.#isKeeping) return
      // A slow disk must not cost the command's own last words, which the pipe still holds.
      const isRead = !this.#isKeeping || this.#bytes - bytesBefore > pipeBytes
      if (now - begin > lastWordsMs && isRead) return
      await delay(Math.max(rest, 5))
      // Timers come first where this process was held up: what is there to be read is read now.
      await nextTurn()
      await nextTurn()
    }
  }
}

/** A child with what it says about itself, and its output. */
export class Followed {
  readonly child: ChildProcess
  readonly output: CommandOutput
  readonly exitCode: Promise<number>
  /** The supervisor is there, and with it all that an end needs; or it never will be. */
  readonly started: Promise<void>
  readonly #pipe: Pipe
  readonly #reader: Reader
  #errors = ''

  constructor(child: ChildProcess, pipe: Pipe, reader: Reader) {
    this.child = child
    this.output = reader.output
    this.#pipe = pipe
    this.#reader = reader
    const started = Promise.withResolvers<void>()
    this.started = started.promise
    this.exitCode = this.#listen(started.resolve)
    // It is asked for at once, or never, if the turn was stopped meanwhile.
    this.exitCode.catch(() => undefined)
  }

  /** Settles when all was read that was written by now, and no more comes for a moment. */
  async silence(): Promise<void> {
    await Promise.race([this.#pipe.closed, this.#reader.silence()])
  }

  /** Answers whether a log was kept. */
  async close(): Promise<boolean> {
    // What escaped may hold the other end for ever.
    await Promise.race([this.#pipe.closed, delay(silenceMs)])
    this.#pipe.close()
    this.child.stderr?.destroy()
    this.child.stdio[3]?.destroy()
    await this.#pipe.closed
    return this.output.end()
  }

  /** Reads the supervisor's lines: `started`, then the exit code. */
  #listen(started: () => void): Promise<number> {
    const { child } = this
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    let said = ''
    child.stdio[3]?.on('data', (bytes: Buffer) => {
      said = `${said}${bytes.toString('latin1')}`.slice(0, 100)
      if (said.startsWith('started\n')) started()
      const code = /\n(\d+)\n/.exec(said)?.[1]
      if (code !== undefined) resolve(Number(code))
    })
    child.stdio[3]?.on('error', () => undefined)
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#errors = `${this.#errors}${bytes.toString()}`.slice(0, 2000)
    })
    child.once('error', (error) => {
      started()
      reject(error)
    })
    const gone = (code: number | null) => {
      started()
      // The supervisor itself was killed, from inside.
      if (said.startsWith('started\n')) resolve(code ?? 137)
      else reject(new Error(this.#errors.trim() || 'the sandbox ended before the command began'))
    }
    child.once('close', gone)
    // Its last words may still come, or never, if something else has them too.
    child.once('exit', (code) => void setTimeout(gone, silenceMs, code))
    return promise
  }
}
