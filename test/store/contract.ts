/** The published contract of every store, with the runner of this repository. */
import { afterAll, beforeAll, describe, it } from 'vitest'

import { storeContract as publishedContract } from '../../src/entries/testing.ts'
import type { TestBounds } from '../../src/entries/testing.ts'
import type { Store } from '../../src/store.ts'

/** @param runs the number of random sequences in the model test */
export function storeContract(
  openStore: (bounds: TestBounds) => Promise<Store>,
  { runs }: { runs: number },
): void {
  publishedContract(openStore, { describe, it, beforeAll, afterAll }, { runs })
}
