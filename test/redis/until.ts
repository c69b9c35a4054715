import { setTimeout as delay } from 'node:timers/promises'

import { busyness } from '../machine.ts'

/**
 * Waits for a condition, with a deadline that says what it was waiting for.
 *
 * @param ms on a machine at rest; on a busy one it is longer (`machine.ts`)
 */
export async function until(
  ms: number,
  label: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const begun = performance.now()
  while (!(await holds())) {
    const tookMs = performance.now() - begun
    if (tookMs > ms && tookMs > ms * busyness()) {
      throw new Error(`${label}: not within ${Math.round(tookMs)} ms`)
    }
    await delay(5)
  }
}
