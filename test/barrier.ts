/** A place where several wait for each other: proof that they run at the same time, without a clock. */
export interface Barrier {
  /** Resolves when `size` callers have come. */
  pass: () => Promise<void>
  /** How many have come. */
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
