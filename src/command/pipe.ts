/**
 * A pipe of the kernel for a command's output and errors together, so that they come in the order in
 * which they were written. What `spawn` calls a pipe is a socket: `/dev/stderr` cannot be opened then,
 * and two of them have no common order.
 */
import { execFile } from 'node:child_process'
import { close, constants, open } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

const run = promisify(execFile)
const openFile = promisify(open)
const closeFile = promisify(close)

const bufferBytes = 64 * 1024

export interface PipeOptions {
  /** Where no file is; none stays there. */
  path: string
  /** `PATH`, for the program that makes it. */
  programs: string
  /** The bytes are the caller's until this returns, or its promise settles; nothing is read meanwhile. */
  receive: (bytes: Uint8Array) => Promise<void> | undefined
}

export interface Pipe {
  /** For the child. */
  writeFd: number
  /** Once the child has it. Else the output never ends. */
  closeWriter: () => Promise<void>
  /** Stops reading. */
  close: () => void
  /** Settles when nobody can write any more, or nothing is read any more. */
  closed: Promise<void>
}

export async function openPipe({ path, programs, receive }: PipeOptions): Promise<Pipe> {
  // Its folder keeps others out; a command that runs as another user opens it by `/dev/stdout`.
  await run('mkfifo', ['-m', '666', path], { env: { PATH: programs }, timeout: 10_000 })
  try {
    // Without O_NONBLOCK the first open waits for the second.
    const readFd = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writeFd = await openFile(path, constants.O_WRONLY).catch(async (error: unknown) => {
      await closeFile(readFd)
      throw error
    })
    const socket = reading(readFd, receive)
    const closed = Promise.withResolvers<void>()
    socket.once('close', () => closed.resolve())
    socket.once('error', () => closed.resolve())
    return {
      writeFd,
      closeWriter: () => closeFile(writeFd),
      close: () => socket.destroy(),
      closed: closed.promise,
    }
  } finally {
    await unlink(path)
  }
}

/** Reads into one buffer: a new one for every read is garbage of the size of the whole output. */
function reading(fd: number, receive: PipeOptions['receive']): Socket {
  const buffer = Buffer.alloc(bufferBytes)
  const callback = (length: number): boolean => {
    const received = receive(buffer.subarray(0, length))
    if (received === undefined) return true
    const goOn = () => void socket.resume()
    received.then(goOn, goOn)
    return false
  }
  const socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback } })
  return socket
}
