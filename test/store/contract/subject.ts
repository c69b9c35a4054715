/** The stores for the cases of the contract. */
import type { Store } from '../../../src/store.ts'

/** Small bounds, for tests of the limits. */
export interface TestBounds {
  knownMax?: number
  branchesMax?: number
  branchedMax?: number
}

export interface Subject {
  /** One store for all cases. Each case has its own session. */
  store: () => Store
  /** Opens another store, which is closed at the end. */
  open: (bounds: TestBounds) => Promise<Store>
}
