import { busyness } from './machine.ts'

/**
 * A time limit whose error has a label for the awaited event.
 *
 * @param ms on a machine at rest; on a busy one it is longer (`machine.ts`)
 */
export async function within<VALUE>(
  ms: number,
  label: string,
  promise: Promise<VALUE>,
): Promise<VALUE> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const startedAt = performance.now()
  const judge = () => {
    const leftMs = startedAt + ms * busyness() - performance.now()
    if (leftMs > 0) timer = setTimeout(judge, leftMs)
    else reject(new Error(`${label}: not within ${Math.round(performance.now() - startedAt)} ms`))
  }
  let timer = setTimeout(judge, ms)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
