/** Processes with endless computation. On two cores they leave half of the machine for the rest. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

import { within } from '../deadline.ts'

export interface Loops extends AsyncDisposable {
  /** The number of computing processes. */
  readonly running: number
}

/** They end with the disposal. Without it, they end after five minutes. */
export async function openLoops(count: number): Promise<Loops> {
  const loops = Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', 'const end = Date.now() + 300_000; while (Date.now() < end);'], {
      stdio: 'ignore',
    }),
  )
  await Promise.all(loops.map((loop) => within(10_000, 'the start of a loop', once(loop, 'spawn'))))
  return {
    get running() {
      return loops.filter((loop) => !isOver(loop)).length
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map(end))
    },
  }
}

async function end(loop: ChildProcess): Promise<void> {
  if (isOver(loop)) return
  const exit = once(loop, 'exit')
  loop.kill('SIGKILL')
  await within(10_000, 'the end of a loop', exit)
}

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null
