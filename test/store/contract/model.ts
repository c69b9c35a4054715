/** The random calls of the contract, for tests that make them in other circumstances. */
import * as fc from 'fast-check'

import { sequences } from '../../../src/testing/store-contract/model.ts'

export { Run } from '../../../src/testing/store-contract/random-calls.ts'

/** Random sequences of calls. */
export const sequence = sequences(fc)
