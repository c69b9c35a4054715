/** What the cases of the contract of stores get. */
import type { Store } from '../../../src/store.ts'

/** Small ones, to see what happens at the limit. */
export interface TestBounds {
  knownMax?: number
  branchesMax?: number
  branchedMax?: number
}

export interface Subject {
  /** One for all cases; each has a session of its own. */
  store: () => Store
  /** Another one, which is closed at the end. */
  open: (bounds: TestBounds) => Promise<Store>
}
