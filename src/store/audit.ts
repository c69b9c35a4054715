/** Who decided, stopped, removed, read or shared what, and when. An event has ids and names, and no text of a user. */

/** What a principal did. `expire`: the server removed a session when the retention of its agent was over. */
export type AuditAction =
  | 'approve'
  | 'deny'
  | 'stop'
  | 'delete'
  | 'members'
  | 'token'
  | 'export'
  | 'erase'
  | 'drain'
  | 'expire'

/** An act of a principal. */
export interface AuditEvent {
  /** What it did. */
  action: AuditAction
  /**
   * Who did it: a subject of the tenant, an operator, the holder of a credential of one session, or none of them for a
   * credential of the whole tenant and for the server itself.
   */
  by: {
    /** The subject. Absent for an operator and for the whole tenant. */
    subject?: string
    /** The name of the operator. Absent for a principal of the tenant. */
    operator?: string
    /** The only session of the credential, by the id by which the tenant names it. Absent for one of several sessions. */
    session?: string
  }
  /** The id in the store of the session that it is about. Absent if it is about none. */
  sessionId?: string
  /** The subject that it is about. Absent if it is about none. */
  subject?: string
  /** The SHA-256 of the name of an erased subject. */
  subjectDigest?: string
  /** The id of an approval request. */
  approvalId?: string
  /** The id of an instance. */
  instance?: string
  /** The agent of a session that the server removed. */
  agent?: string
}

/** An event in the store. */
export interface StoredAuditEvent extends AuditEvent {
  /** Identifies the event in its tenant. */
  id: string
  /** The time of the event, in milliseconds since 1970, by the clock of the store. */
  at: number
}

/** A page of events. */
export interface AuditPage {
  /** The events of this page, the last one first. */
  events: StoredAuditEvent[]
  /** The start of the next page. Absent on the last page. */
  before?: string
}

/** Keeps the last events of each tenant. `ErasureStore.erase` removes those of an erased owner. */
export interface AuditStore {
  /** Stores an event of a tenant. The oldest events beyond `auditMax` go. */
  noteAudit(tenant: string, event: AuditEvent): Promise<void>
  /** Returns events of a tenant, the last one first. */
  auditPage(
    tenant: string,
    options: {
      /** The maximum number of events. */
      limit: number
      /** `before` of the previous page. @defaultValue the first page */
      before?: string
    },
  ): Promise<AuditPage>
}

/** The number of events of a tenant that a store keeps. */
export const auditMax = 10_000
/** The events of a tenant go this time after the last one, in milliseconds. */
export const auditKeptMs = 365 * 24 * 60 * 60 * 1000
