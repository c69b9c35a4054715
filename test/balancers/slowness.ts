/**
 * Measures how much slower this machine is than at rest, because limits in seconds assume a machine
 * at rest.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The longest start of a Node on a machine at rest, in milliseconds. */
const startMs = 80

export interface Slowness {
  /** Returns 1 on a machine at rest. */
  end(): Promise<number>
}

/** Starts a Node each second until `end`, which returns the factor of the median start. */
export function measureSlowness(): Slowness {
  const ending = new AbortController()
  const { signal } = ending
  const times: number[] = []
  const measure = async () => {
    while (!signal.aborted) {
      const from = performance.now()
      await run(process.execPath, ['-e', '0'])
      times.push(performance.now() - from)
      await delay(1000, undefined, { signal }).catch(() => {})
    }
  }
  const measuring = measure()
  return {
    async end() {
      ending.abort()
      await measuring
      const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? startMs
      return Math.max(1, median / startMs)
    },
  }
}
