/**
 * Where a human is: the terminal that the command was started from, also when its stdin is a pipe.
 * Without one nobody is there, which is said at once and never waited for.
 */
import { openSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'

export interface Terminal {
  input: ReadStream
  output: NodeJS.WritableStream & { columns?: number }
  /** False where it understands no control sequences (`TERM=dumb`). */
  isObedient: boolean
  /** Stops the process and those beside it, as Ctrl-Z does, and calls back when it goes on. */
  suspend: (resumed: () => void) => void
  /** Gives back what was opened for it. */
  close: () => void
}

/** Undefined where there is no terminal. */
export function openTerminal(program: NodeJS.Process): Terminal | undefined {
  const { stdin, stderr, env } = program
  const isObedient = env['TERM'] !== 'dumb'
  const suspend = (resumed: () => void) => suspendGroup(program, resumed)
  const common = { isObedient, suspend }
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

/** Nothing stops a process group that no shell waits for; then it goes on after a moment. */
const notStoppedMs = 300

function suspendGroup(program: NodeJS.Process, resumed: () => void): void {
  const timer = setTimeout(resume, notStoppedMs)
  program.once('SIGCONT', resume)
  // The whole group, as the terminal would: `loom | less` stops together.
  program.kill(0, 'SIGTSTP')

  function resume(): void {
    clearTimeout(timer)
    program.off('SIGCONT', resume)
    resumed()
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
