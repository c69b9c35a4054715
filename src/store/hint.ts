/** Hints: "something may have changed in this session". A hint can be lost, so readers also poll. */

/**
 * The subject of a hint. `log` is for readers: new entries, the begin or end of a turn, a changed queue.
 * `intents` is for the owner: a stop, a steered letter, the loss of its claim.
 */
export type Topic = 'log' | 'intents'

/** Gives hints of changes in a session. */
export interface HintSource {
  /**
   * Calls `hint` when something may have changed in the session. Returns a function that ends the
   * subscription, once the subscription is active: a read after that misses no change. Some hints are
   * lost, so a caller must also read from time to time. `hint` must not throw.
   */
  watch(sessionId: string, topic: Topic, hint: () => void): Promise<() => void>
}
