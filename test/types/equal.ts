/** True if two types are the same, also below their first level. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only if its type parameter is `true`. */
export const expectType = <_HOLDS extends true>(): void => undefined
