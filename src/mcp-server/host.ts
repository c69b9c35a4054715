/** The objects that the calls of one MCP client use: the sessions, and the rights of its principal. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Principal } from '../ground/principal.ts'
import type { Loom } from '../loom.ts'
import type { SessionRole } from '../session/session-role.ts'
import type { AuditEvent } from '../store/audit.ts'
import type { SessionRecord } from '../store/session.ts'

export interface McpHost {
  loom: Loom
  /** The version of Loom, which a client may show. */
  version: string
  principal: Principal
  /** Returns the server's part of the context. Undefined if all of the context is the client's. */
  serverContext: (() => Promise<JSONObject>) | undefined
  /**
   * Returns a session by the id that the tenant uses. Returns undefined if there is none.
   * @throws LoomError `not-found` for a session of another principal; `forbidden` for a member with a lower role
   */
  findSession: (id: string, role: SessionRole) => Promise<SessionRecord | undefined>
  /** Notes a decision or a stop of the principal. */
  audit: (act: Pick<AuditEvent, 'action' | 'sessionId' | 'approvalId'>) => Promise<void>
  /** Whether this process ends. The end of a connection then cancels no call. */
  isLeaving: () => boolean
  /** Called with the session and the answer of an accepted call. */
  onAccepted?: (answer: { sessionId: string; messageId: string }) => void
}
