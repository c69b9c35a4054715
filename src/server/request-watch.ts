/** What the server notes about a request, and the functions that receive it: metrics, log, traces. */
import type { LoomErrorCode } from '../ground/error.ts'
import type { TraceHeaders } from '../ground/trace.ts'
import type { AuditEvent } from '../store/audit.ts'

/** A request that has arrived. The routes add what they learn about it. */
export interface RequestNote {
  /** From the header `x-request-id`, or a new one. */
  readonly id: string
  readonly method: string
  readonly path: string
  /** The address of the other end of the connection: a client, or the proxy in front of this server. */
  readonly address?: string | undefined
  /** The trace of the sender, as it names it. */
  readonly trace?: TraceHeaders
  /** The session, as its principal names it. Undefined for a request about none. */
  sessionId?: string | undefined
  /** The assistant message that answers a post. */
  messageId?: string | undefined
  /** The tenant. Undefined if there is none. */
  principal?: string | undefined
  /** The user of the tenant. Undefined if the request is for the whole tenant. */
  subject?: string | undefined
  /** The name of the operator who sent it. Undefined for every other principal. */
  operator?: string | undefined
  /** What the principal did, for the audit. Undefined for a request that needs no record. */
  audit?: (AuditEvent & { tenant: string }) | undefined
}

/** The end of a request: its response was sent, or its connection was closed. */
export interface RequestEnd {
  /** The pattern of the path, such as `/api/chat/:id`; `none` if no route has the path. */
  route: string
  status: number
  /** The time to the head of the response, in milliseconds. */
  headMs: number
  /** The time to the end of the response, in milliseconds. */
  durationMs: number
  /** The code of the error that the client received. */
  code?: LoomErrorCode | undefined
  /** Whether the client closed the connection before the end of the response. */
  isAborted: boolean
}

/** The functions that receive one request. */
export interface RequestListener {
  /** Runs the handler of the request. @defaultValue calls it */
  within?: (handle: () => Promise<void>) => Promise<void>
  /** The head of a streamed response is sent, and the client reads events from now on. */
  onStream?: () => void
  onEnd: (end: RequestEnd) => void
}

/** Receives each request before its handler. */
export type RequestWatch = (request: RequestNote) => RequestListener
