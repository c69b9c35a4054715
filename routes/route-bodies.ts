/** The requests and the responses of the routes that have no other public type, for `LoomRoutes`. */
import type { UIMessage } from 'ai'

import type { SessionInfo } from '../src/session/session-info.ts'
import type { WhenBusy } from '../src/store/letter.ts'
import type { Member } from '../src/store/member.ts'

/** The reader of a response. */
export interface ReaderQuery {
  /** The major version of `ai` that reads the response. Absent for every other reader. */
  profile?: 'v5' | 'v6' | 'v7'
}

/** The form of an answer. */
export interface AnswerQuery extends ReaderQuery {
  /** The protocol of the stream. The default is `ui`. */
  protocol?: 'ui' | 'text' | 'data'
}

/** The part of a stream. */
export interface StreamQuery extends AnswerQuery {
  /** The end of the stream: of the message (the default), of the queue, or of the session. */
  follow?: 'message' | 'queue' | 'session'
  /** The id of the last event that the reader has. Without it, the stream begins with the answer. */
  after?: string
}

/** The query of a WebSocket. */
export interface SocketQuery extends ReaderQuery {
  /** The end of a resumed answer: of the message (the default), of the queue, or of the session. */
  follow?: 'message' | 'queue' | 'session'
  /** `stop` ends an answer whose request the page aborts. The default is `leave`. */
  abort?: 'leave' | 'stop'
}

/** The part of a history. */
export interface HistoryQuery extends ReaderQuery {
  /** `0` leaves out the messages that wait. */
  queued?: '0' | '1'
  /** The number of messages. Without it, all of them. */
  limit?: `${number}`
  /** The id of the message before which the part ends. */
  before?: string
}

/** The headers of a request for an answer. */
export interface AnswerHeaders {
  /** `application/json` asks for the whole answer as JSON. Without it, the response is a stream. */
  accept?: string
  /** `respond-async` asks for a confirmation with status 202. */
  prefer?: 'respond-async'
  /** Two posts of a message with the same key are one message. */
  'idempotency-key'?: string
}

/** A request for an answer, without its body. */
export interface AnswerRequest {
  /** The form of the answer. */
  query?: AnswerQuery
  /** The headers that choose between a stream, the whole answer and a confirmation. */
  header?: AnswerHeaders
}

/** The body of a posted message; see `docs/http.md`. */
export interface ChatPost {
  /** The session. Without it, Loom creates one. */
  id?: string
  /** A text, or a message of a user. */
  message?: string | (Pick<UIMessage, 'role' | 'parts'> & Partial<Pick<UIMessage, 'id'>>)
  /** A list of messages; only the last one counts. */
  messages?: readonly unknown[]
  /** A new message (the default), or a regeneration. */
  trigger?: 'submit-message' | 'regenerate-message'
  /** The message to edit or to regenerate. */
  messageId?: string
  /** The agent. Without it, the agent of the session. */
  agent?: string
  /** One of the models of the agent. */
  model?: string
  /** The context for the callbacks of the agent. */
  context?: Readonly<Record<string, unknown>>
  /** The effect on an answer that runs. */
  whenBusy?: WhenBusy
  /** True if the client has seen an answer in this conversation. */
  continues?: boolean
}

/** The whole answer to a message. */
export interface WholeAnswer {
  /** The id of the session. */
  id: string
  /** The message of the assistant. */
  message: UIMessage
  /** The text of the message. */
  text: string
  /** The value of an agent with a schema of its answer. Absent without one. */
  output?: unknown
  /** The state of the session after the answer. */
  state: SessionInfo['state']
  /** Why the answer failed. Absent if it did not. */
  error?: string
}

/** The confirmation of a message that Loom has stored. */
export interface AcceptedPost {
  /** The id of the session. */
  id: string
  /** The id of the accepted letter. */
  letterId: string
  /** The id of the message of the assistant. */
  messageId: string
  /** Whether it waits for its turn. */
  queued: boolean
}

/** The body of a new schedule without its time. */
export interface ScheduledMessage {
  /** A text, or a message of a user. */
  message: string | Pick<UIMessage, 'role' | 'parts'>
  /** The id of the schedule. Without it, Loom creates one. */
  id?: string
  /** The agent. Without it, the agent of the session. */
  agent?: string
  /** One of the models of the agent. */
  model?: string
  /** The context for the callbacks of the agent. */
  context?: Readonly<Record<string, unknown>>
}

/** The body of a new schedule: the message, and exactly one time. */
export type ScheduleBody = ScheduledMessage &
  (
    | Record<'at', string | number>
    | Record<'after', number>
    | Record<'every', number>
    | (Record<'cron', string> & Partial<Record<'timeZone', string>>)
  )

/** A new member: a subject, with its role. A member without a role is a writer. */
export type PostedMember = string | (Pick<Member, 'subject'> & Partial<Pick<Member, 'role'>>)

/** The subjects who may use a session. */
export interface SharedWith {
  /** The subject to whom the session belongs. Absent if it belongs to its whole tenant. */
  owner?: string
  /** The subjects with whom it is shared. */
  members: readonly Member[]
}

/** The body of a new token. It has a subject, a session or both. */
export interface TokenBody {
  /** The user of the tenant for whom the token acts. */
  subject?: string
  /** The only session that the token reaches. */
  session?: string
  /** What the token may do. The default is `chat`. */
  scopes?: ('read' | 'chat')[]
  /** The lifetime in seconds. The default is 900. */
  expiresIn?: number
}

/** The body of a fork. */
export interface ForkBody {
  /** The id of the copy. Without it, Loom creates one. */
  id?: string
  /** The last message of the copy. Without it, the copy is whole. */
  messageId?: string
  /** The number of the cut before which the copy ends. */
  branch?: number
}

/** The outcome of a call: its output, or the text of its failure. */
export type ToolAnswer = Record<'output', unknown> | Record<'errorText', string>

/** The answer to an approval request. */
export interface Decision {
  /** Whether the call may run. */
  approved: boolean
  /** The reason, for the model. */
  reason?: string
}

/** An agent of the server. */
export interface AgentEntry {
  /** The name of the agent. */
  name: string
  /** The description of the agent. Absent if it has none. */
  description?: string
  /** The models that a client may choose. Absent if the agent has no list of them. */
  models?: string[]
  /** Whether it answers messages that name no agent. */
  default: boolean
}
