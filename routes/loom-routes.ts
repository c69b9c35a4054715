/**
 * The types of the routes for `hc`, the client of Hono. The handlers read bodies and answer streams in ways
 * that Hono cannot infer types from, so the types are declared here. A test compares the paths and methods
 * with the routes of the server, and calls them.
 */
import type { UIMessage } from 'ai'
import type { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'

import type { ListedModel } from '../src/model.ts'
import type { ScheduleInfo } from '../src/schedule.ts'
import type { QueuedLetterInfo, SessionInfo } from '../src/session/session-info.ts'
import type { SessionInspection } from '../src/session/session-inspection.ts'
import type { StopReply } from '../src/session/session-stop.ts'
import type { QueueOnStop } from '../src/store/letter.ts'
import type { Branch } from '../src/store/session.ts'
import type { TaskInfo } from '../src/task.ts'
import type {
  AcceptedPost,
  AgentEntry,
  AnswerRequest,
  ChatPost,
  Decision,
  ForkBody,
  HistoryQuery,
  PostedMember,
  ReaderQuery,
  ScheduleBody,
  SharedWith,
  SocketQuery,
  StreamQuery,
  TokenBody,
  ToolAnswer,
  WholeAnswer,
} from './route-bodies.ts'

/** The statuses of errors before the first byte. */
type FailureStatus =
  | 400
  | 401
  | 402
  | 403
  | 404
  | 405
  | 409
  | 410
  | 413
  | 429
  | 500
  | 502
  | 503
  | 504

/** A response in the form of Hono's own types. */
type Endpoint<INPUT, OUTPUT, FORMAT extends string, STATUS extends number> = Record<
  'input',
  INPUT
> &
  Record<'output', OUTPUT> &
  Record<'outputFormat', FORMAT> &
  Record<'status', STATUS>

/** One readable line. */
type Failure<INPUT> = Endpoint<INPUT, string, 'text', FailureStatus>

type Json<INPUT, OUTPUT, STATUS extends number = 200> =
  | Endpoint<INPUT, OUTPUT, 'json', STATUS>
  | Failure<INPUT>

/** A response without a body, or with a stream. */
type Body<INPUT, STATUS extends number> = Endpoint<INPUT, null, 'body', STATUS> | Failure<INPUT>

type Get<RESPONSE> = Record<'$get', RESPONSE>
type Post<RESPONSE> = Record<'$post', RESPONSE>
type Put<RESPONSE> = Record<'$put', RESPONSE>
type Delete<RESPONSE> = Record<'$delete', RESPONSE>

type Parameters<NAME extends string> = Record<'param', Record<NAME, string>>
type Query<QUERY> = Partial<Record<'query', QUERY>>
type Posted<BODY> = Record<'json', BODY>

type Nothing = object
type OfSession = Parameters<'id'>

/** The answer to a message, to a call or to an approval request. */
type Answered<INPUT> = Json<INPUT, WholeAnswer> | Endpoint<INPUT, AcceptedPost, 'json', 202>

/** The routes of sessions below their base. */
interface SessionSchema {
  /** Posts a message, and lists the sessions. */
  '': Post<Answered<AnswerRequest & Posted<ChatPost>>> &
    Get<
      Json<
        Query<Partial<Record<'limit' | 'before', `${number}`>>>,
        Record<'sessions', SessionInfo[]> & Partial<Record<'before', number>>
      >
    >
  /** Returns and deletes the session. */
  '/:id': Get<Json<OfSession, SessionInfo>> & Delete<Body<OfSession, 204>>
  /** Returns the history. */
  '/:id/messages': Get<Json<OfSession & Query<HistoryQuery>, UIMessage[]>>
  /** Returns a file of a message. */
  '/:id/files/:hash': Get<Body<Parameters<'id' | 'hash'>, 200 | 304>>
  /** Streams the unfinished answer. */
  '/:id/stream': Get<Body<OfSession & Query<StreamQuery>, 200 | 204>>
  /** Opens a WebSocket for the transport of AI SDK 7. */
  '/:id/socket': Get<Body<OfSession & Query<SocketQuery>, 101>>
  /** Stops the answer. */
  '/:id/stop': Post<
    Json<
      OfSession &
        Query<Partial<Record<'tree', '0' | '1'>>> &
        Partial<Posted<Partial<Record<'queue', QueueOnStop> & Record<'messageId', string>>>>,
      StopReply
    >
  >
  /** Lists the tasks. */
  '/:id/tasks': Get<Json<OfSession, Record<'tasks', TaskInfo[]>>>
  /** Returns the next prompt. */
  '/:id/prompt': Get<
    Json<
      OfSession & Query<Partial<Record<'context', string>>>,
      Record<'agent' | 'model', string> & Record<'prompt', readonly Record<'role', string>[]>
    >
  >
  /** Returns the inner state of the session. */
  '/:id/inspect': Get<Json<OfSession, SessionInspection>>
  /** Lists the messages that wait. */
  '/:id/queue': Get<Json<OfSession, Record<'queue', QueuedLetterInfo[]> & Record<'held', boolean>>>
  /** Ends a hold of the queue. */
  '/:id/queue/run': Post<Json<OfSession, Record<'running', boolean> & Record<'queued', number>>>
  /** Withdraws a message that waits. */
  '/:id/queue/:messageId': Delete<Json<Parameters<'id' | 'messageId'>, Record<'withdrawn', true>>>
  /** Lists and adds schedules. */
  '/:id/schedules': Get<Json<OfSession, Record<'schedules', ScheduleInfo[]>>> &
    Post<Json<OfSession & Posted<ScheduleBody>, ScheduleInfo, 200 | 201>>
  /** Removes a schedule. */
  '/:id/schedules/:scheduleId': Delete<Body<Parameters<'id' | 'scheduleId'>, 204>>
  /** Returns the messages that were cut. */
  '/:id/branches': Get<Json<OfSession & Query<ReaderQuery>, Record<'branches', Branch[]>>>
  /** Returns and replaces the members. */
  '/:id/members': Get<Json<OfSession, SharedWith>> &
    Put<Json<OfSession & Posted<Record<'members', readonly PostedMember[]>>, SharedWith>>
  /** Copies the session. */
  '/:id/fork': Post<Json<OfSession & Posted<ForkBody>, Record<'id', string>, 201>>
  /** Answers a call. */
  '/:id/tools/:toolCallId': Post<
    Answered<Parameters<'id' | 'toolCallId'> & AnswerRequest & Posted<ToolAnswer>>
  >
  /** Answers an approval request. */
  '/:id/approvals/:approvalId': Post<
    Answered<Parameters<'id' | 'approvalId'> & AnswerRequest & Posted<Decision>>
  >
}

/** The input of a route below a base with parameters of its own. */
type Within<ENDPOINT, PARAMETERS> =
  ENDPOINT extends Endpoint<infer INPUT, infer OUTPUT, infer FORMAT, infer STATUS>
    ? Endpoint<INPUT & PARAMETERS, OUTPUT, FORMAT, STATUS>
    : never

type SessionsAt<BASE extends string, PARAMETERS> = {
  [PATH in keyof SessionSchema as `${BASE}${PATH}`]: {
    [METHOD in keyof SessionSchema[PATH]]: Within<SessionSchema[PATH][METHOD], PARAMETERS>
  }
}

/** The routes of the server that belong to no session. */
type ServerSchema = Record<
  '/api/tokens',
  Post<Json<Posted<TokenBody>, Record<'token', string> & Record<'expiresAt', number>, 201>>
> &
  Record<'/api/agents', Get<Json<Nothing, Record<'agents', AgentEntry[]>>>> &
  Record<
    '/api/models',
    Get<
      Json<
        Query<Partial<Record<'query', string> & Record<'limit', `${number}`>>>,
        Record<'default', string> &
          Record<'providers', string[]> &
          Record<'models', ListedModel[]> &
          Record<'total', number>
      >
    >
  > &
  Record<'/healthz', Get<Json<Nothing, Record<'status', 'ok'>>>> &
  Record<
    '/readyz',
    Get<
      | Endpoint<Nothing, Record<'status', 'ready'>, 'json', 200>
      | Endpoint<Nothing, Record<'status', 'draining' | 'store-unavailable'>, 'json', 503>
    >
  > &
  Record<'/openapi.json', Get<Json<Nothing, Record<string, unknown>>>>

/** The requests and the responses of the routes by path and method, in the form of Hono. */
type LoomSchema = ServerSchema &
  SessionsAt<'/api/chat', Nothing> &
  SessionsAt<'/api/agents/:agent/chat', Parameters<'agent'>>

/**
 * The routes of `loom serve` as the type of a Hono app, for `hc`, the client of Hono. A failed request has one
 * readable line as its text.
 * @example
 * ```ts
 * import { hc } from 'hono/client'
 * import type { LoomRoutes } from 'loomkit'
 *
 * const client = hc<LoomRoutes>('http://127.0.0.1:3000')
 * const response = await client.api.chat[':id'].$get({ param: { id: 'sums' } })
 * const title = response.ok ? (await response.json()).title : await response.text()
 * ```
 */
export type LoomRoutes = Hono<BlankEnv, LoomSchema>
