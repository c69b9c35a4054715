/** The instances that share a store: their heartbeats, and the index of the sessions that each must run. */

/**
 * The reason of a hint to the instances. `passed`: an instance passed a session on. `left`: an instance ended and left
 * sessions behind. `returned`: the store answers again after it was away, so it may have lost acknowledged writes.
 */
export type InstanceHint = 'passed' | 'left' | 'returned'

/** The register of instances. An instance has lapsed when it did not renew its heartbeat in time. */
export interface InstanceRegister {
  /** Renews the heartbeat of the instance, and adds the instance to the register. */
  beat(instance: string, ttlMs: number): Promise<void>
  /** Returns whether the instance is registered and has not lapsed. */
  isAlive(instance: string): Promise<boolean>
  /** Returns the registered instances that have lapsed. */
  lapsed(): Promise<string[]>
  /**
   * Ends an instance in good order. It leaves the register. If its index still contains sessions, it stays
   * and has lapsed at once, so that other instances adopt these.
   */
  leave(instance: string): Promise<void>
  /**
   * Calls `hint` with its reason. An instance with an earlier version of Loom may send `left` in place of `passed`.
   * As with `watch`, hints can be lost.
   */
  watchInstances(hint: (reason: InstanceHint) => void): Promise<() => void>
}

/** The index of the sessions that an instance must run. */
export interface InstanceIndex {
  /** Adds the session to the index of the instance. Call it before a post, so that some instance looks for the letter. */
  note(instance: string, sessionId: string): Promise<void>
  /** Removes sessions from the index of the instance. */
  forget(instance: string, sessionIds: readonly string[]): Promise<void>
  /** Returns the sessions in the index of the instance. */
  noted(instance: string): Promise<string[]>
  /** Moves at most `limit` sessions from the index of a lapsed instance to that of another. Returns them. */
  adopt(from: string, to: string, limit: number): Promise<string[]>
  /**
   * Moves a session from the index of an instance to the sessions that wait for an instance with this
   * agent. Gives a hint to all instances if the session did not wait there yet.
   */
  pass(
    sessionId: string,
    options: {
      /** The instance whose index has the session. */
      from: string
      /** The name of the agent for which the session waits. */
      agent: string
    },
  ): Promise<void>
  /** Moves at most `limit` sessions that wait for this agent to the index of an instance. Returns them. */
  adoptWaiting(agent: string, to: string, limit: number): Promise<string[]>
}

/** The register and the index of the instances that share a store. */
export interface InstanceStore extends InstanceRegister, InstanceIndex {}
