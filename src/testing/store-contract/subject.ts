/** The stores for the cases of the contract, and the runner of the cases. */
import type { Store } from '../../store.ts'

/**
 * Small bounds of a store, which the contract uses for its tests of the limits. They are options of
 * `openMemoryStore`, `openFileStore` and `openRedisStore`.
 * @example
 * ```ts
 * import { openMemoryStore } from 'loomkit'
 * import type { TestBounds } from 'loomkit/testing'
 *
 * const openStore = async (bounds: TestBounds) => openMemoryStore(bounds)
 * ```
 */
export interface TestBounds {
  /** The number of ids of earlier messages that a session remembers. @defaultValue the default of the store */
  knownMax?: number
  /** The number of cut branches that a session keeps. @defaultValue the default of the store */
  branchesMax?: number
  /** The number of messages in all cut branches of a session. @defaultValue the default of the store */
  branchedMax?: number
}

/**
 * The functions of a test runner. Those of vitest and Jest have these names. Those of `node:test` are
 * `{ describe, it, beforeAll: before, afterAll: after }`.
 * @example
 * ```ts
 * import { after, before, describe, it } from 'node:test'
 *
 * import type { TestRunner } from 'loomkit/testing'
 *
 * const runner: TestRunner = { describe, it, beforeAll: before, afterAll: after }
 * ```
 */
export interface TestRunner {
  /** Groups the tests of `cases` under a name. */
  describe: (name: string, cases: () => void) => unknown
  /** Registers one test. */
  it: (name: string, test: () => Promise<void>) => unknown
  /** Registers a function that runs once before the tests of the group. */
  beforeAll: (open: () => Promise<void>) => unknown
  /** Registers a function that runs once after the tests of the group. */
  afterAll: (close: () => Promise<void>) => unknown
}

export interface Subject {
  it: TestRunner['it']
  /** One store for all cases. Each case has its own session. */
  store: () => Store
  /** Opens another store, which is closed at the end. */
  open: (bounds: TestBounds) => Promise<Store>
}
