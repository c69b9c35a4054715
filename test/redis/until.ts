/** Waits for a condition, with a deadline that says what it was waiting for. */
import { setTimeout as delay } from 'node:timers/promises'

export async function until(
  ms: number,
  label: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${label}: not within ${ms} ms`)
    await delay(5)
  }
}
