/**
 * The load of the machine that runs the tests. A time limit of a test finds a test that hangs; it
 * is not a measurement. It is longer on a busy machine, so that a failed test means a fault.
 */
import { availableParallelism, loadavg } from 'node:os'

/** The largest factor of a time limit, so that a test that hangs still ends. */
const longest = 12

/**
 * Returns the factor of a time limit: the processes of the last minute that could run, for each
 * core. It is 1 on a machine with a core for each of them, and on a system without such a count.
 */
export function busyness(): number {
  const [lastMinute = 0] = loadavg()
  return Math.min(longest, Math.max(1, lastMinute / availableParallelism()))
}

/**
 * Returns the factor by which work that needs a core takes longer at this moment: the time of a
 * computation, divided by its time on a core. It blocks the event loop for about 0.2 s of a core.
 */
export function slowness(): number {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  for (;;) {
    const { user, system } = process.cpuUsage(before)
    const cpuMs = (user + system) / 1000
    if (cpuMs >= 200) return Math.max(1, (performance.now() - startedAt) / cpuMs)
  }
}
