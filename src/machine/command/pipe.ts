/**
 * A kernel pipe for stdout and stderr of a command together, so that the output keeps the order of the
 * writes. The `pipe` option of `spawn` creates sockets: a program cannot open `/dev/stderr` then, and two
 * sockets have no common order.
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
  /** The temporary path of the pipe, at which no file exists. */
  path: string
  /** The `PATH` for the program `mkfifo`. */
  programs: string
  /**
   * Receives bytes. They are valid until it returns, or until its promise settles; the pipe reads nothing
   * meanwhile.
   */
  receive: (bytes: Uint8Array) => Promise<void> | undefined
}

export interface Pipe {
  /** The descriptor for the child's output. */
  writeFd: number
  /** Closes `writeFd` in this process. Call it after the spawn, otherwise the output never ends. */
  closeWriter: () => Promise<void>
  /** Stops the reading. */
  close: () => void
  /** Resolves when the last writer has closed the pipe, or when the reading has stopped. */
  closed: Promise<void>
}

export async function openPipe({ path, programs, receive }: PipeOptions): Promise<Pipe> {
  // The folder protects the pipe. A command that runs as another user opens it as `/dev/stdout`.
  await run('mkfifo', ['-m', '666', path], { env: { PATH: programs }, timeout: 10_000 })
  try {
    // Without O_NONBLOCK the first open would wait for the second.
    const readFd = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writeFd = await openFile(path, constants.O_WRONLY).catch(async (error: unknown) => {
      await closeFile(readFd)
      throw error
    })
    const socket = openReader(readFd, receive)
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

/** Reads into one buffer. A new buffer for each read would be garbage of the size of the output. */
function openReader(fd: number, receive: PipeOptions['receive']): Socket {
  const buffer = Buffer.alloc(bufferBytes)
  const callback = (length: number): boolean => {
    const storage = receive(buffer.subarray(0, length))
    if (storage === undefined) return true
    const resume = () => void socket.resume()
    storage.then(resume, resume)
    return false
  }
  const socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback } })
  return socket
}
