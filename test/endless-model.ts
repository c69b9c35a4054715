/** A model that never stops sending, for tests of backpressure. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

/** A script, and the count of its parts that were read. */
export function endless() {
  const given = { count: 0 }
  async function* source(signal: AbortSignal): AsyncGenerator<LanguageModelV4StreamPart> {
    while (!signal.aborted) {
      given.count++
      yield { type: 'text-delta', id: 'a', delta: 'more ' }
    }
  }
  return { source, given }
}

/** The count after it has stopped growing. */
export async function settled(given: { count: number }): Promise<number> {
  for (let before = -1, quiet = 0; quiet < 20;) {
    quiet = given.count === before && before > 0 ? quiet + 1 : 0
    before = given.count
    if (before > 100_000) break
    await nextTurn()
  }
  return given.count
}
