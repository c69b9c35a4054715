/**
 * The form in which an instance stores messages. The compact form (`../record/message.ts`) begins when earlier versions,
 * which cannot read it, are no longer needed: all live instances have been able to read it for a time (`beat.lua`).
 * Until then, an operator can return to the earlier version.
 */
import type { UIMessage } from 'ai'

import { storedJson } from '../../ground/json/pieces.ts'
import { compactMessage } from '../record/message.ts'

export class MessageForm {
  readonly #rollbackMs: number
  #isCompact = false

  /** @param rollbackMs see `RedisStoreOptions` */
  constructor(rollbackMs: number) {
    this.#rollbackMs = rollbackMs
  }

  /** @param agreedMs how long all live instances have been able to read the compact form. Undefined if one cannot */
  note(agreedMs: number | undefined): void {
    this.#isCompact = agreedMs !== undefined && agreedMs >= this.#rollbackMs
  }

  get isCompact(): boolean {
    return this.#isCompact
  }

  /** Returns the stored form of a message. A large one is written in steps. */
  json(message: UIMessage): Promise<string | Buffer> {
    return storedJson(this.#isCompact ? compactMessage(message) : message)
  }
}
