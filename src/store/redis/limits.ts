/** The bounds of the keys in Redis. Every key has a TTL. */
export interface Limits {
  /** The lifetime of a session after its last write, in milliseconds. @defaultValue 30 days */
  sessionTtlMs: number
  /**
   * The time for which the store keeps the reply of a call, in milliseconds. A call that is sent again after a
   * broken connection gets this reply, and changes nothing twice.
   * @defaultValue three times `patienceMs`, at least 180000
   */
  replyTtlMs: number
  /** The maximum number of ids that a session remembers. The oldest are forgotten. @defaultValue 10000 */
  knownMax: number
  /** The maximum number of branches of a session. The oldest are dropped. @defaultValue 100 */
  branchesMax: number
  /** The maximum number of messages in all branches of a session. @defaultValue 2000 */
  branchedMax: number
  /** The maximum number of sessions in the list of a tenant. @defaultValue 10000 */
  indexMax: number
}
