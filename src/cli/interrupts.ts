/**
 * The interrupts of a command: signals, and a reader of its output that closed its end. The first
 * one stops the current work, and the command ends in order. The second one ends the command. The
 * exit code is 128 plus the number of the signal, as shells expect.
 */
import { isReaderGone } from './exit-code.ts'

export interface Interrupts extends Disposable {
  /** Stops the current work. It must not throw. */
  onStop: () => void
  /** The exit code of the first interrupt. Undefined before it. */
  readonly exitCode: number | undefined
  /** Aborts at the first interrupt. From then on, the command asks the human nothing. */
  readonly stopping: AbortSignal
  /** Aborts at the second interrupt. */
  readonly leaving: AbortSignal
  /**
   * True while a program that the user started owns the terminal. Ctrl-C then goes to that program.
   */
  ignoresSigint: boolean
  /** Acts like a signal, for keys that a terminal in raw mode does not turn into a signal. */
  interrupt: (signal?: InterruptSignal) => void
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

const numbers: Readonly<Record<InterruptSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** Time that the command has to end after the second interrupt. */
const patienceMs = 1000
/** Time that the command has to end after the first interrupt, if it was not Ctrl-C. */
const graceMs = 10_000

export function openInterrupts(program: NodeJS.Process): Interrupts {
  const stopping = new AbortController()
  const leaving = new AbortController()
  let exitCode: number | undefined
  let timer: NodeJS.Timeout | undefined
  const endWithin = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => program.exit(exitCode), ms).unref()
  }
  const onInterrupt = (code: number, isFromKeyboard: boolean) => {
    const isFirst = exitCode === undefined
    exitCode ??= code
    stopping.abort()
    if (isFirst) interrupts.onStop()
    else leaving.abort()
    if (!isFirst) endWithin(patienceMs)
    else if (!isFromKeyboard) endWithin(graceMs)
  }
  const interrupt = (signal: InterruptSignal = 'SIGINT') =>
    onInterrupt(128 + numbers[signal], signal === 'SIGINT')
  // A reader that needs no more output (`loom … | head -1`) is not a failure.
  const onOutputError = (error: Error) => {
    if (exitCode === undefined) onInterrupt(isReaderGone(error) ? 0 : 1, false)
  }
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = () => {
      if (signal !== 'SIGINT' || !interrupts.ignoresSigint) interrupt(signal)
    }
    program.on(signal, handler)
    return () => program.off(signal, handler)
  })
  program.stdout.on('error', onOutputError)
  const interrupts: Interrupts = {
    onStop: () => undefined,
    ignoresSigint: false,
    get exitCode() {
      return exitCode
    },
    stopping: stopping.signal,
    leaving: leaving.signal,
    interrupt,
    [Symbol.dispose]() {
      clearTimeout(timer)
      program.stdout.off('error', onOutputError)
      for (const off of handlers) off()
    },
  }
  return interrupts
}
