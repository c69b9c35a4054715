/** What each owner stores, for limits: the number of its sessions, and the bytes of their messages and files. */

/** The owner of sessions: a subject of a tenant, or the tenant itself for sessions that belong to no subject. */
export interface StorageOwner {
  /** The tenant; '' without authentication. */
  tenant: string
  /** The subject. Absent for the sessions that belong to the whole tenant. */
  subject?: string
}

/** What an owner stores. */
export interface StoredAmount {
  /** The number of its sessions. Tasks do not count. */
  sessions: number
  /** The bytes of the messages of its sessions and their tasks, and of their files, as about the length of their JSON. */
  bytes: number
}

/** Counts what owners store. The numbers are kept up to date with each change, so no call reads all sessions. */
export interface StorageMeter {
  /** Returns what an owner stores. */
  storedAmount(owner: StorageOwner): Promise<StoredAmount>
  /**
   * Reserves a place for a session that is about to begin. Returns false, and reserves nothing, if the owner has `max`
   * sessions or more. A session that the owner has already needs no place.
   */
  reserveSession(
    sessionId: string,
    reservation: {
      /** The owner of the session. */
      owner: StorageOwner
      /** The maximum number of its sessions. */
      max: number
      /** The time after which the place is free again if the session has not begun, in milliseconds. */
      leaseMs: number
    },
  ): Promise<boolean>
  /**
   * Looks whether sessions that count for an owner still exist, and counts the others no more. It looks at a portion
   * of them, so that it takes milliseconds. Returns the number of the others.
   */
  recountStorage(owner: StorageOwner): Promise<number>
  /** Notes the bytes of the files of a session that are kept beside the store. They count until the session is removed. */
  noteFileBytes(sessionId: string, bytes: number): Promise<void>
}
