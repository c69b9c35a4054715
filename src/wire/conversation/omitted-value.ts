/**
 * A value beyond the limits in a posted message. A client repeats the outputs of the server's own
 * tools. They may have any size and are ignored. The value is refused only where it would be used.
 */
import type { LoomError } from '../../ground/error.ts'

export class OmittedValue {
  readonly refusal: LoomError

  constructor(refusal: LoomError) {
    this.refusal = refusal
  }
}
