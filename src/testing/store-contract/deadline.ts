/** Waits of the contract. Their limits are long, because a test must also pass on a busy machine. */
import { setTimeout as delay } from 'node:timers/promises'

/** The factor by which a machine may be slower than one at rest. */
const slowness = 10

/** Waits for a promise, with a limit whose error names the awaited event. */
export async function within<VALUE>(
  ms: number,
  label: string,
  promise: Promise<VALUE>,
): Promise<VALUE> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`${label}: not within ${ms * slowness} ms`)),
    ms * slowness,
  )
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
}

/** Waits for a condition, with a limit whose error names the condition. */
export async function until(
  ms: number,
  label: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + ms * slowness
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${label}: not within ${ms * slowness} ms`)
    await delay(2)
  }
}
