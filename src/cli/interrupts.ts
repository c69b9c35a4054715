/**
 * What tells a command to go: signals, and a reader of its output that has left. The first asks what
 * is being done to stop, and the command ends in order; the second ends it. The exit code says which it
 * was, as shells expect it (128 and the signal's number).
 */
import { isLeft } from './exit-code.ts'

export interface Interrupts extends Disposable {
  /** Asks what is being done to stop. It must not throw. */
  onStop: () => void
  /** Of the first; undefined while there was none. */
  readonly exitCode: number | undefined
  /** Aborted by the first: nobody is asked anything any more. */
  readonly stopping: AbortSignal
  /** Aborted by the second. */
  readonly leaving: AbortSignal
  /** True while a program that the user started has the terminal: Ctrl-C is that program's. */
  isDeaf: boolean
  /** As if a signal came, for keys that a terminal in raw mode does not turn into one. */
  interrupt: (signal?: InterruptSignal) => void
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

const numbers: Readonly<Record<InterruptSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** How long a command has to end by itself once it was told twice. */
const patienceMs = 1000
/** And once it was told once, by what does not ask again. */
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
  const told = (code: number, isInsistent: boolean) => {
    const isFirst = exitCode === undefined
    exitCode ??= code
    stopping.abort()
    if (isFirst) interrupts.onStop()
    else leaving.abort()
    if (!isFirst) endWithin(patienceMs)
    else if (!isInsistent) endWithin(graceMs)
  }
  const interrupt = (signal: InterruptSignal = 'SIGINT') =>
    told(128 + numbers[signal], signal === 'SIGINT')
  // Whoever read the output has had enough (`loom … | head -1`), which is no failure.
  const left = (error: Error) => {
    if (exitCode === undefined) told(isLeft(error) ? 0 : 1, false)
  }
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = () => {
      if (signal !== 'SIGINT' || !interrupts.isDeaf) interrupt(signal)
    }
    program.on(signal, handler)
    return () => program.off(signal, handler)
  })
  program.stdout.on('error', left)
  const interrupts: Interrupts = {
    onStop: () => undefined,
    isDeaf: false,
    get exitCode() {
      return exitCode
    },
    stopping: stopping.signal,
    leaving: leaving.signal,
    interrupt,
    [Symbol.dispose]() {
      clearTimeout(timer)
      program.stdout.off('error', left)
      for (const off of handlers) off()
    },
  }
  return interrupts
}
