/** The server of `server.ts` as a process, with a watch on its event loop. */
import { join } from 'node:path'

import { addressOf, type LoomProcess, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'

/** The time of the piece of work in `loop-watch.ts` on a machine at rest, in milliseconds. */
const referenceMs = 12

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
  const reports = () => [...process.output().stderr.matchAll(/loop (\S+) reference (\S+) \./g)]
  return {
    url: await addressOf(process),
    process,
    async held() {
      const seen = reports().length
      process.child.kill('SIGUSR2')
      await until(60_000, 'the report of the loop', () => reports().length > seen)
      const [, longest, reference] = reports().at(-1) ?? []
      return Number(longest) / Math.max(1, Number(reference) / referenceMs)
    },
  }
}
