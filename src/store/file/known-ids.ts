/** The known ids of a session, and their changes since the last write. */
import type { Known } from '../memory/session.ts'
import type { StoredKnown } from './stored.ts'

export class KnownIds extends Map<string, Known> {
  // It is no class field, because the constructor of Map would run before the field exists.
  declare changes: StoredKnown[]

  static of(known: ReadonlyMap<string, Known>): KnownIds {
    const ids = new KnownIds()
    ids.changes = []
    for (const [id, each] of known) ids.set(id, each)
    return ids
  }

  override set(id: string, known: Known): this {
    const { as, replyId, digest } = known
    this.changes.push(digest === undefined ? [id, as, replyId] : [id, as, replyId, digest])
    return super.set(id, known)
  }

  override delete(id: string): boolean {
    this.changes.push([id])
    return super.delete(id)
  }

  /** Returns the changes since the last call. */
  take(): StoredKnown[] {
    return this.changes.splice(0)
  }
}
