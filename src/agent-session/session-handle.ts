/** One session as a program names it, and the objects by which the methods of an `AgentSession` reach it. */
import { randomUUID } from 'node:crypto'

import type { JSONObject, JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { toJson } from '../ground/json.ts'
import { refuseMisspeltFields } from '../ground/known-fields.ts'
import type { AcceptedPost } from '../session/accept-post.ts'
import { AnswerStream } from '../session/answer-stream.ts'
import type { ProgramTarget } from '../session/program-post.ts'
import { noSession } from '../session/receipt.ts'
import { storedId } from '../session/tenant-ids.ts'
import type { Sessions } from '../sessions.ts'
import { mergedContext } from '../store/context.ts'
import type { SessionRecord } from '../store/session.ts'
import { idLengthMax, isSessionId } from '../wire/conversation/ids.ts'
import {
  type AgentSessionOptions,
  type ClosableHost,
  sendFields,
  type SendOptions,
} from './options.ts'

/** `OUTPUT` is the type of the output of its answers. */
export class SessionHandle<OUTPUT> implements ProgramTarget {
  readonly id: string
  readonly principal: string
  readonly agent: Agent
  readonly host: ClosableHost
  readonly seed: readonly UIMessage[]
  readonly #context: unknown

  /** @throws LoomError `invalid-request` for an invalid id */
  constructor(agent: Agent, options: AgentSessionOptions) {
    const { id = randomUUID(), principal = '', loom, seed = [], context } = options
    checkId(id)
    this.id = id
    this.principal = principal
    this.agent = agent
    this.host = loom
    this.seed = seed
    this.#context = context
  }

  get sessions(): Sessions {
    return this.host.sessions
  }

  find(): Promise<SessionRecord | undefined> {
    return this.sessions.find(this.principal, this.id)
  }

  /** @throws LoomError `not-found` */
  async existing(): Promise<SessionRecord> {
    const session = await this.find()
    if (session === undefined) throw noSession()
    return session
  }

  /** The id in the store. An earlier version of Loom stored some sessions under another id. */
  async storedId(): Promise<string> {
    return (await this.find())?.id ?? storedId(this.principal, this.id)
  }

  /** The options with the context as JSON: the one of the message, else the one of the session. */
  withContext(
    options: SendOptions<unknown> = {},
    known: Readonly<Record<string, true>> = sendFields,
  ): SendOptions<JSONObject> {
    refuseMisspeltFields(options, { subject: 'The options have', known, code: 'invalid-request' })
    const { context = this.#context, ...rest } = options
    return { ...rest, ...(context !== undefined && { context: contextJson(context) }) }
  }

  /** The answer to an accepted post. `options` are those of the post. */
  answer(
    { sessionId, receipt }: AcceptedPost,
    options: Pick<SendOptions<unknown>, 'signal' | 'context'> = {},
  ): AnswerStream<OUTPUT> {
    return new AnswerStream({
      sessions: this.sessions,
      sessionId,
      receipt,
      signal: options.signal,
      outputOf: (json) => {
        const { context } = this.withContext(options)
        return this.#outputOf(json, { sessionId, context })
      },
    })
  }

  /** Loads the schemas only for an agent that has one. */
  async #outputOf(
    json: JSONValue,
    { sessionId, context }: { sessionId: string; context: JSONObject | undefined },
  ): Promise<unknown> {
    const { storedOutput } = await import('../runner/output/stored-output.ts')
    return storedOutput(this.agent, json, context ?? (await this.#contextOf(sessionId)))
  }

  /** Only a schema that is a function of the context needs the stored one. */
  async #contextOf(sessionId: string): Promise<JSONObject> {
    if (typeof this.agent.output !== 'function') return {}
    const session = await this.sessions.session(sessionId)
    if (session === undefined) return {}
    const { sessionContext } = await this.sessions.promptState(session)
    return mergedContext(sessionContext.context ?? {})
  }
}

/** @throws LoomError `invalid-request` for an invalid id */
export function checkId(id: string): void {
  if (id !== '' && isSessionId(id)) return
  throw new LoomError(
    'invalid-request',
    `A session's id is Unicode, 1 to ${idLengthMax} long, and not "." or "..".`,
  )
}

/** The type of an agent cannot say that its context is JSON: an interface is not assignable to `JSONObject`. */
function contextJson(context: unknown): JSONObject {
  const json = toJson(context)
  if (isObject(json)) return json
  throw new LoomError(
    'invalid-request',
    'The context of a session must be an object of JSON values.',
  )
}

const isObject = (value: JSONValue): value is JSONObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
