/**
 * The terminal that the command was started from, also if its stdin is a pipe. Without a terminal
 * no human can answer, and the command never waits for one.
 */
import { openSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'

export interface Terminal {
  input: ReadStream
  output: NodeJS.WritableStream & { columns?: number }
  /** Whether it understands control sequences. False with `TERM=dumb`. */
  hasControls: boolean
  /** Stops the process group, as Ctrl-Z does, and calls `onResume` when it continues. */
  suspend: (onResume: () => void) => void
  /** Closes the streams that were opened for the terminal. */
  close: () => void
}

/** Returns undefined if there is no terminal. */
export function openTerminal(program: NodeJS.Process): Terminal | undefined {
  const { stdin, stderr, env } = program
  const hasControls = env['TERM'] !== 'dumb'
  const suspend = (onResume: () => void) => suspendGroup(program, onResume)
  const common = { hasControls, suspend }
  if (stdin.isTTY && stderr.isTTY)
    return { input: stdin, output: stderr, ...common, close: () => undefined }
  const input = openTty('r')
  if (input === undefined) return undefined
  const reader = new ReadStream(input)
  if (stderr.isTTY) {
    return { input: reader, output: stderr, ...common, close: () => reader.destroy() }
  }
  const output = openTty('w')
  if (output === undefined) {
    reader.destroy()
    return undefined
  }
  const writer = new WriteStream(output)
  const close = () => {
    reader.destroy()
    writer.destroy()
  }
  return { input: reader, output: writer, ...common, close }
}

/**
 * A process group without a shell that waits for it does not stop. After this time, `onResume` is
 * called.
 */
const notStoppedMs = 300

function suspendGroup(program: NodeJS.Process, onResume: () => void): void {
  const timer = setTimeout(resume, notStoppedMs)
  program.once('SIGCONT', resume)
  // Signals the whole group, as the terminal does, so that both programs of `loom | less` stop.
  program.kill(0, 'SIGTSTP')

  function resume(): void {
    clearTimeout(timer)
    program.off('SIGCONT', resume)
    onResume()
  }
}

function openTty(flags: 'r' | 'w'): number | undefined {
  try {
    return openSync('/dev/tty', flags)
  } catch {
    // ENXIO: the process belongs to no terminal. ENOENT: the machine has none.
    return undefined
  }
}
