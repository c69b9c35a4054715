/** The complete removal of the data of a tenant or of a subject, with what a deletion keeps. */

/** A tenant, or one subject of it. */
export interface DataOwner {
  /** The tenant; '' without authentication. */
  tenant: string
  /** The subject. @defaultValue the whole tenant */
  subject?: string
}

/** Confirms the erasure of everything that belongs to no named tenant, because an empty name confirms nothing. */
export const everything = 'everything'

/** The result of an erasure. */
export interface ErasedKeys {
  /** The number of keys, files or records that were removed. */
  removed: number
  /** The number of them that the store found again at the end. */
  left: number
}

/** Finds and removes all data of an owner. */
export interface ErasureStore {
  /** Returns the tenants that have sessions. */
  tenants(): Promise<string[]>
  /**
   * Returns the ids of all sessions of an owner, without tasks. Unlike `list`, it reads no index, so it misses no old
   * session. For a tenant, it also returns the deleted sessions whose marks are still there.
   */
  ownedSessions(owner: DataOwner): Promise<string[]>
  /**
   * Removes everything of these sessions and of their tasks: records, marks of deletions, logs, stored replies and
   * entries of lists; and the lists of the owner. The record of a session goes last, so that `ownedSessions` finds it
   * again after a crash. Stop the turns first: an erased session leaves no mark that locks late writers out.
   */
  erase(sessionIds: readonly string[], owner: DataOwner): Promise<ErasedKeys>
  /**
   * Removes the counters of limits whose names contain the name of the owner, those of its subjects included. Returns the
   * number of each kind, such as `{ requests: 1 }`.
   */
  eraseCounters(owner: DataOwner): Promise<Record<string, number>>
}
