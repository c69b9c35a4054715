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
  /** The number of ids of earlier messages that a session remembers. */
  knownMax?: number
  /** The number of cut branches that a session keeps. */
  branchesMax?: number
  /** The number of messages in all cut branches of a session. */
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
  describe: (name: string, cases: () => void) => unknown
  it: (name: string, test: () => Promise<void>) => unknown
  beforeAll: (open: () => Promise<void>) => unknown
  afterAll: (close: () => Promise<void>) => unknown
}

export interface Subject {
  it: TestRunner['it']
  /** One store for all cases. Each case has its own session. */
  store: () => Store
  /** Opens another store, which is closed at the end. */
  open: (bounds: TestBounds) => Promise<Store>
}
