/**
 * How busy the machine is that runs the tests. A deadline of a test finds what hangs; it does not
 * measure. On a machine that is shared it is longer, so that a failed test means a fault.
 */
import { availableParallelism, loadavg } from 'node:os'

/** A test that hangs still ends: no deadline grows more than this. */
const longest = 12

/**
 * By which factor a deadline is longer: the processes that wanted to run in the last minute, for each
 * core. It is 1 on a machine that has a core for each of them, and where the system has no such count.
 */
export function busyness(): number {
  const [lastMinute = 0] = loadavg()
  return Math.min(longest, Math.max(1, lastMinute / availableParallelism()))
}

/**
 * By which factor work that needs a core takes longer at this moment: the time that a computation took,
 * for the time that it had a core. It blocks the event loop for about 0.2 s of a core.
 */
export function slowness(): number {
  const begun = performance.now()
  const before = process.cpuUsage()
  for (;;) {
    const { user, system } = process.cpuUsage(before)
    const cpuMs = (user + system) / 1000
    if (cpuMs >= 200) return Math.max(1, (performance.now() - begun) / cpuMs)
  }
}
