/**
 * Stands in a posted message for a value beyond the limits. A client repeats what tools of the server
 * returned, which may be of any size and counts for nothing; only where the value would count is it
 * refused.
 */
import type { LoomError } from '../../ground/error.ts'

export class OmittedValue {
  readonly refusal: LoomError

  constructor(refusal: LoomError) {
    this.refusal = refusal
  }
}
