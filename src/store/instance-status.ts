/** The reports of instances about themselves, for operators. No turn depends on them: the heartbeats of `instances.ts` decide. */

/** The report of an instance. */
export interface InstanceStatus {
  /** The version of Loom. */
  version: string
  /** The start of the process, in milliseconds since 1970 by its own clock. */
  startedAt: number
  /** The number of turns that run on it. */
  turns: number
  /** The number of streams that clients read from it. */
  readers: number
  /** Whether it hands its turns over and takes no new ones. */
  isDraining: boolean
}

/** An instance, and its last report. */
export interface ReportedInstance {
  /** The id of the instance. */
  id: string
  /** Whether it has reported in time. */
  isAlive: boolean
  /** Its last report. */
  status: InstanceStatus
}

/** Keeps the reports of instances, and the requests to drain one. */
export interface StatusStore {
  /**
   * Stores the report of an instance, which counts as alive for `ttlMs` milliseconds after it. Returns whether
   * an operator asked this instance to drain.
   */
  reportStatus(instance: string, status: InstanceStatus, ttlMs: number): Promise<boolean>
  /** Returns the instances that have reported, also those that have been silent for some minutes. */
  reportedInstances(): Promise<ReportedInstance[]>
  /** Asks an instance to drain. It learns this from its next report. */
  askToDrain(instance: string): Promise<void>
}

/** A report is forgotten after this time without another one, in milliseconds. */
export const silentMaxMs = 10 * 60_000
