/** The server of `server.ts` as a process, with a watch on its event loop. */
import { join } from 'node:path'

import { expect } from 'vitest'

import { addressOf, type LoomProcess, startLoom } from '../loom-process.ts'
import { busyness } from '../machine.ts'
import { until } from '../redis/until.ts'

/** The limit of one turn of the event loop, in milliseconds of a machine at rest. */
const usualLimitMs = 50

export interface WatchedServer {
  url: string
  process: LoomProcess
  /**
   * The longest user time of one turn of the event loop since the last call, in milliseconds of a machine
   * at rest.
   */
  held: () => Promise<number>
}

const watch = join(import.meta.dirname, '../fixtures/loop-watch.ts')

/** @param program starts as a server that writes its address; `loom serve` without it */
export async function startWatched(
  variables: Record<string, string>,
  program?: string,
): Promise<WatchedServer> {
  const process = startLoom(
    { NODE_OPTIONS: `--import=${watch}`, ...variables },
    program === undefined ? ['serve'] : [],
    program,
  )
  const reports = () => [...process.output().stderr.matchAll(/loop (\S+) slowness (\S+) \./g)]
  return {
    url: await addressOf(process),
    process,
    async held() {
      const seen = reports().length
      process.child.kill('SIGUSR2')
      await until(60_000, 'the report of the loop', () => reports().length > seen)
      const [, longest, slowness] = reports().at(-1) ?? []
      return Number(longest) / Math.max(1, Number(slowness))
    },
  }
}

/**
 * Does the work, and checks how long it held the event loop. A garbage collection that was due anyway may fall
 * into any work, and on a busy machine more input waits for a turn of the loop. So work that took too long is
 * repeated, and fails only if it takes too long each time.
 */
export async function quickly<RESULT>(
  server: WatchedServer,
  name: string,
  work: (attempt: number) => Promise<RESULT>,
  limitMs = usualLimitMs,
): Promise<RESULT> {
  for (let attempt = 1; ; attempt++) {
    const result = await work(attempt)
    const ms = await server.held()
    if (ms < limitMs) return result
    if (attempt >= Math.min(10, 3 * busyness())) expect(ms, name).toBeLessThan(limitMs)
  }
}
