/** The sessions of each agent by their last message, for agents whose sessions are removed some time after it. */

/** Sessions that have had no message for a time. */
export interface UnusedSessions {
  /** The ids of the sessions. */
  sessionIds: string[]
  /** Identifies the lease of these sessions, for `settleUnused`. */
  lease: number
}

/** Finds the sessions of an agent that have had no message for a time. */
export interface RetentionIndex {
  /**
   * Returns sessions without tasks whose last message is older than `unusedMs`, as far as the store knows: the caller reads
   * their records. They are leased, so that a later call returns them after `leaseMs` at the earliest.
   */
  takeUnused(
    agent: string,
    options: {
      /** The age of the last message, in milliseconds. */
      unusedMs: number
      /** The maximum number of sessions. */
      limit: number
      /** In milliseconds. */
      leaseMs: number
    },
  ): Promise<UnusedSessions>
  /**
   * Ends the lease of a session that the caller has looked at. If the session has had a message since then, it changes nothing.
   */
  settleUnused(
    agent: string,
    sessionId: string,
    options: {
      /** `lease` of `takeUnused`. */
      lease: number
      /**
       * The time of the last message, in milliseconds since 1970. Absent if the agent does not have the session (any more).
       */
      usedAt?: number
    },
  ): Promise<void>
}
