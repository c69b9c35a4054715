/** What bounds the keys of a session. Nothing in Redis lives without an end. */
export interface Limits {
  /** How long a session lives after its last write, in milliseconds. */
  sessionTtlMs: number
  /** How long a call may be made again with its nonce. */
  replyTtlMs: number
  /** Ids that a session remembers; the oldest are forgotten. */
  knownMax: number
  /** Branches of a session, and the messages in all of them; the oldest branches are dropped. */
  branchesMax: number
  branchedMax: number
  /** Sessions in a tenant's list. */
  indexMax: number
}
