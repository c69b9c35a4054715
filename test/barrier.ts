/**
 * A place where several callers wait for each other. It proves that they run at the same time,
 * without a clock.
 */
export interface Barrier {
  /** Resolves when `size` callers have arrived. */
  pass: () => Promise<void>
  /** The number of callers that have arrived. */
  readonly come: number
}

export function openBarrier(size: number): Barrier {
  const { promise, resolve } = Promise.withResolvers<void>()
  let come = 0
  return {
    get come() {
      return come
    },
    pass() {
      if (++come >= size) resolve()
      return promise
    },
  }
}
