import { setTimeout as delay } from 'node:timers/promises'

import { busyness } from '../machine.ts'

/**
 * Waits for a condition, with a deadline whose error names the condition.
 *
 * @param ms on a machine at rest; on a busy one it is longer (`machine.ts`)
 */
export async function until(
  ms: number,
  label: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const startedAt = performance.now()
  while (!(await holds())) {
    const tookMs = performance.now() - startedAt
    if (tookMs > ms && tookMs > ms * busyness()) {
      throw new Error(`${label}: not within ${Math.round(tookMs)} ms`)
    }
    await delay(5)
  }
}
