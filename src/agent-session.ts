/**
 * A conversation with an agent in code, like LoomEx's `start_agent`, `call` and `get_messages`. It has a
 * mailbox, runs one turn at a time, and lives as long as its store. Its methods do what the session routes do
 * over HTTP, through the same functions of `session/`. Long, because it is the list of these methods.
 */
import { randomUUID } from 'node:crypto'

import type { JSONObject, JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import type { OptionalIn, OptionsArgument } from './context-option.ts'
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import { fieldOf } from './ground/fields.ts'
import { toJson } from './ground/json.ts'
import { late } from './ground/late.ts'
import type { AcceptedPost } from './session/accept-post.ts'
import { AnswerStream, type CallReply } from './session/answer-stream.ts'
import {
  areStoredAnswers,
  type CallAnswer,
  outputOrError,
  storedAnswer,
} from './session/call-answer.ts'
import type { NextPrompt } from './session/next-prompt.ts'
import type { ProgramTarget } from './session/program-post.ts'
import { noSession, notQueued } from './session/receipt.ts'
import { sessionEvents } from './session/session-events.ts'
import type { FollowScope } from './session/session-follower.ts'
import { forkSession, type SessionFork } from './session/session-fork.ts'
import type { SessionHost as PostHost } from './session/session-host.ts'
import {
  type QueuedLetterInfo,
  queueInfo,
  type SessionInfo,
  sessionInfo,
} from './session/session-info.ts'
import { type SessionStop, type StopReply, stopSession } from './session/session-stop.ts'
import { storedId } from './session/tenant-ids.ts'
import type { Sessions } from './sessions.ts'
import { mergedContext } from './store/context.ts'
import type { Answer, QueueOnStop, WhenBusy } from './store/letter.ts'
import type { Branch, SessionRecord } from './store/session.ts'
import { idLengthMax, isSessionId } from './wire/conversation.ts'

// They load the conversion of messages and the runner, which an import of the library does not need.
const posts = late(() => import('./session/program-post.ts'))
const answers = late(() => import('./session/accept-answer.ts'))
const prompts = late(() => import('./session/next-prompt.ts'))

/** The owner of the sessions of a process: a `Loom`. */
export interface SessionHost extends PostHost {
  /** Hands running turns over to the other instances on the store, and closes the store. */
  close: () => Promise<void>
}

export interface AgentSessionOptions {
  /** The id of the conversation in the store. @defaultValue a random UUID */
  id?: string
  /** The user or the tenant to whom the conversation belongs. @defaultValue '' */
  principal?: string
  loom: SessionHost
  /** The context of each message that brings none. @defaultValue none */
  context?: unknown
  /** The first messages of the conversation if the store does not have it yet. @defaultValue none */
  seed?: readonly UIMessage[]
}

/** The option of every method that waits. */
export interface WaitOptions {
  /** Ends the wait of the caller. The turn continues. @defaultValue none */
  signal?: AbortSignal
}

/**
 * The options of `AgentSession.call`, `cast`, `send`, `stream`, `edit` and `regenerate`.
 * @example
 * ```ts
 * import type { SendOptions } from 'loomkit'
 *
 * const options: SendOptions = { whenBusy: 'reject', signal: AbortSignal.timeout(30_000) }
 * ```
 */
export interface SendOptions<CONTEXT = undefined> extends WaitOptions {
  /** The effect of the message on a turn that runs. @defaultValue 'queue' */
  whenBusy?: WhenBusy
  /**
   * The context of the agent's callbacks and tools. The store keeps it as JSON. It is required if the agent
   * has a context and `startAgent` has not set one.
   * @defaultValue the context of `startAgent`, or the session's last context, or `{}`
   */
  context?: CONTEXT
  /** The model of the answer, one of the agent's `models`. @defaultValue the agent's `model` */
  model?: string
  /**
   * Identifies a message that is sent again, as the `Idempotency-Key` header does: with the same key and
   * content, the session answers once. @defaultValue the id of the message
   */
  idempotencyKey?: string
}

type SendArguments<CONTEXT> = OptionsArgument<Omit<SendOptions, 'context'>, CONTEXT>

/**
 * The client side of one session. `startAgent` returns one. It holds no state, so several processes may
 * use one session at the same time, also over HTTP. A failure that HTTP answers with a status is a
 * `LoomError` with the same code. Every method may throw `unavailable`: the store cannot be reached.
 * @example
 * ```ts
 * import { type AgentSession, defineAgent, startAgent } from 'loomkit'
 *
 * const tutor = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const session: AgentSession = startAgent(tutor)
 * const id = await session.cast('What is 2 + 2?')
 * const { text } = await (await session.edit(id, 'What is 2 + 3?')).reply()
 * await session.close()
 * ```
 */
export class AgentSession<CONTEXT = unknown, OUTPUT = unknown> implements AsyncDisposable {
  /** The id by which the principal names the session. */
  readonly id: string
  /** The user or the tenant to whom the session belongs; '' if there is none. */
  readonly principal: string
  readonly #agent: Agent
  readonly #loom: SessionHost
  readonly #seed: readonly UIMessage[]
  readonly #context: unknown

  /** @throws LoomError `invalid-request` for an invalid id */
  constructor(agent: Agent, options: AgentSessionOptions) {
    const { id = randomUUID(), principal = '', loom, seed = [], context } = options
    checkId(id)
    this.id = id
    this.principal = principal
    this.#agent = agent
    this.#loom = loom
    this.#seed = seed
    this.#context = context
  }

  // Messages

  /**
   * Sends a message and waits for the answer. If the signal aborts, the wait ends and the turn continues.
   * @throws LoomError with the code and the error text of a turn that failed, such as `model-failed`; `busy`,
   * `mailbox-full` or `unavailable` if the session did not accept the message; `refused` if the message was
   * withdrawn; `gone` if the answer expired. If the signal aborts, its reason is thrown.
   */
  async call(
    message: string | UIMessage,
    ...options: SendArguments<CONTEXT>
  ): Promise<CallReply<OUTPUT>> {
    return (await this.send(message, ...options)).reply()
  }

  /**
   * Sends a message, and returns when the store has accepted it.
   * @returns the id of the message
   * @throws LoomError `busy`, `mailbox-full` or `unavailable` if the session did not accept the message;
   * `refused` if its id was used for another message
   */
  async cast(message: string | UIMessage, ...[options]: SendArguments<CONTEXT>): Promise<string> {
    const sent = this.#withContext(options)
    const { receipt } = await (await posts()).postMessage(this.#target, message, sent)
    return receipt.letterId ?? ''
  }

  /**
   * Sends a message and returns the events of its answer as they happen. The message is sent when the
   * loop over the events begins. If the loop ends early, the turn continues.
   * @throws LoomError as `send`, in the loop
   */
  async *stream(
    message: string | UIMessage,
    ...options: SendArguments<CONTEXT>
  ): AsyncGenerator<AgentEvent, void> {
    yield* await this.send(message, ...options)
  }

  /**
   * Sends a message, and returns its answer when the store has accepted the message. A loop over the answer
   * reads its events, and `reply()` waits for the whole of it. If the loop ends early, the turn continues.
   * @throws LoomError as `cast`
   */
  async send(
    message: string | UIMessage,
    ...[options]: SendArguments<CONTEXT>
  ): Promise<AnswerStream<OUTPUT>> {
    const sent = this.#withContext(options)
    return this.#answer(await (await posts()).postMessage(this.#target, message, sent), sent)
  }

  /**
   * Replaces a user message, in the history or in the queue, and answers it again. The messages after it
   * become a branch. An edit of a message that was withdrawn sends it again.
   * @returns the new answer, when the store has accepted the edit
   * @throws LoomError `invalid-request` if the message is an answer; `gone` if the session does not exist; as
   * `cast`
   */
  async edit(
    messageId: string,
    message: string | UIMessage,
    options: SendOptions<CONTEXT> = {},
  ): Promise<AnswerStream<OUTPUT>> {
    const edit = { ...this.#withContext(options), messageId }
    return this.#answer(await (await posts()).postMessage(this.#target, message, edit), options)
  }

  /**
   * Answers a message again. The earlier answer and the messages after it become a branch.
   * @param messageId the id of the answer, or of the user message. Undefined: the last user message.
   * @returns the new answer, when the store has accepted the request; if the message has no answer yet, the
   * one that is due
   * @throws LoomError `refused` if the session has no such message; `gone` if the session does not exist; as
   * `cast`
   */
  async regenerate(
    messageId?: string,
    options: SendOptions<CONTEXT> = {},
  ): Promise<AnswerStream<OUTPUT>> {
    const accepted = await (
      await posts()
    ).postRegeneration(this.#target, messageId, this.#withContext(options))
    return this.#answer(accepted, options)
  }

  // Answers to calls

  /**
   * Answers calls that the session waits for. `answer(toolCallId, output)` gives the output of a client-side
   * tool or of a human question, and `answer(toolCallId, { errorText })` its error. A list answers several
   * calls, also approvals, in one step. The turn continues when it waits for no other call.
   * @returns the answer that continues, when the store has accepted the outputs
   * @throws LoomError `refused` if the session does not wait for one of the calls; `not-found` if the session
   * does not exist; `invalid-request` for an output that is not JSON
   */
  answer(answers: readonly CallAnswer[], options?: WaitOptions): Promise<AnswerStream<OUTPUT>>
  answer(toolCallId: string, output: unknown, options?: WaitOptions): Promise<AnswerStream<OUTPUT>>
  answer(
    messageId: string,
    answers: readonly Answer[],
    options?: WaitOptions,
  ): Promise<AnswerStream<OUTPUT>>
  async answer(
    first: string | readonly CallAnswer[],
    second?: unknown,
    third?: WaitOptions,
  ): Promise<AnswerStream<OUTPUT>> {
    if (typeof first !== 'string') return this.#answerCalls(first, waitOptionsIn(second))
    if (!areStoredAnswers(second)) return this.#answerCalls([outputOrError(first, second)], third)
    return this.#answer(await (await posts()).postAnswers(this.#target, first, second), third)
  }

  /**
   * Decides on an approval that the session waits for. The turn continues when it waits for no other call.
   * @param approved false refuses the call: the model receives the refusal and its reason
   * @returns the answer that continues, when the store has accepted the decision
   * @throws LoomError `refused` if the session does not wait for the decision; `not-found` if the session
   * does not exist
   */
  approve(
    approvalId: string,
    approved = true,
    { reason, signal }: WaitOptions & { reason?: string } = {},
  ): Promise<AnswerStream<OUTPUT>> {
    const decision = { approvalId, approved, ...(reason !== undefined && { reason }) }
    return this.#answerCalls([decision], signal === undefined ? {} : { signal })
  }

  async #answerCalls(
    given: readonly CallAnswer[],
    options: WaitOptions | undefined,
  ): Promise<AnswerStream<OUTPUT>> {
    const session = await this.#existing()
    const { acceptAnswers } = await answers()
    const receipt = await acceptAnswers(this.#sessions, session, given.map(storedAnswer))
    return this.#answer({ sessionId: session.id, receipt }, options)
  }

  // Reading

  /**
   * Returns the events of the answer that runs or waits, from its start. Returns undefined if no turn runs
   * or waits.
   */
  async watch({ signal }: WaitOptions = {}): Promise<AnswerStream<OUTPUT> | undefined> {
    const sessionId = await this.#storedId()
    const place = await this.#sessions.readers.placeOf(sessionId, undefined)
    if (place === undefined) return undefined
    const receipt = { ...place, letterId: undefined, answers: [], queued: false, repeated: true }
    return this.#answer({ sessionId, receipt }, signal === undefined ? {} : { signal })
  }

  /**
   * Returns the events of the whole session, one answer after the other: first those of the answer that runs
   * or waits. `data-user-message` is a message that another caller sent, and `data-queue` is the queue after
   * each change. Each answer begins with `start`, which has its `messageId`. If the session does not exist
   * yet, the loop waits for it.
   * @param options.scope `session`: the loop ends when the caller leaves it or the signal aborts. `queue`: it
   * ends when no turn runs and no message waits, and has no `data-` events. @defaultValue 'session'
   * @throws LoomError `gone` if the session is deleted; `unavailable` if this instance shuts down; the reason
   * of the signal
   */
  async *follow({ signal, scope = 'session' }: WaitOptions & { scope?: FollowScope } = {}) {
    const session = await this.#find()
    const sessionId = session?.id ?? storedId(this.principal, this.id)
    const place = await this.#sessions.readers.placeOf(sessionId, undefined)
    const followed = { sessionId, createdAt: session?.createdAt, place, scope }
    yield* sessionEvents(this.#sessions, followed, signal)
  }

  /** Returns the id of the answer that runs or waits. Returns undefined if no turn runs or waits. */
  async running(): Promise<string | undefined> {
    const sessionId = await this.#storedId()
    return (await this.#sessions.readers.placeOf(sessionId, undefined))?.logId
  }

  /** Returns the state of the session. Returns undefined if it has no message yet. */
  async info(): Promise<SessionInfo | undefined> {
    const session = await this.#find()
    return session && sessionInfo(session)
  }

  /**
   * Returns the history, also while a turn runs. Before the first message it is the seed.
   * @param options.queued whether the messages in the queue follow, with `queued` in their metadata.
   * @defaultValue false
   */
  async messages({ queued = false }: { queued?: boolean } = {}): Promise<UIMessage[]> {
    const session = await this.#find()
    if (session === undefined) return [...this.#seed]
    return queued
      ? this.#sessions.messagesWithQueue(session.id)
      : this.#sessions.messages(session.id)
  }

  /**
   * Returns the exact prompt of the next model call, to explain an unexpected answer.
   * @param options.context the context of the next message. @defaultValue that of the turn that runs or waits,
   * or else the last one of the session
   * @throws LoomError `not-found` if the session does not exist
   */
  async prompt({ context }: { context?: JSONObject } = {}): Promise<NextPrompt> {
    const session = await this.#existing()
    const { nextPrompt } = await prompts()
    return nextPrompt(this.#loom, session, { agent: this.#agent, context })
  }

  /**
   * Returns the messages that edits and regenerations cut, the oldest cut first.
   * @throws LoomError `not-found` if the session does not exist
   */
  async branches(): Promise<Branch[]> {
    return this.#sessions.branches((await this.#existing()).id)
  }

  // The queue

  /**
   * Returns the messages that wait, in the order of their answers.
   * @throws LoomError `not-found` if the session does not exist
   */
  async queue(): Promise<QueuedLetterInfo[]> {
    return queueInfo(await this.#sessions.queue((await this.#existing()).id))
  }

  /**
   * Removes a message from the queue.
   * @throws LoomError `not-found` if no such message waits
   */
  async withdraw(messageId: string): Promise<void> {
    const { id, tenant } = await this.#existing()
    if (!(await this.#sessions.withdraw(id, tenant, messageId))) throw notQueued()
  }

  /** Answers the messages that a stop holds. Returns false if no message waits and no turn runs. */
  async runQueue(): Promise<boolean> {
    return this.#sessions.runQueue(await this.#storedId(), this.principal)
  }

  /**
   * Stops the running turn and keeps its text. Returns false if no turn runs. With an object, it may name one
   * message: if this message waits, it is withdrawn; if its turn runs, the turn is stopped.
   * @param queue the effect on the messages that wait: `hold` answers none of them before the next
   * message or `runQueue`, `clear` withdraws them, `run` answers the next one. @defaultValue 'hold'
   * @throws LoomError `not-found` if the session does not exist (only with an object)
   */
  stop(queue?: QueueOnStop): Promise<boolean>
  stop(stop: SessionStop): Promise<StopReply>
  async stop(stop: QueueOnStop | SessionStop = 'hold'): Promise<boolean | StopReply> {
    if (typeof stop === 'object') return stopSession(this.#sessions, await this.#existing(), stop)
    return this.#sessions.stop(await this.#storedId(), this.principal, { queue: stop })
  }

  // Life

  /**
   * Copies the history to a new session of the same agent, principal and last context.
   * @returns the copy
   * @throws LoomError `not-found` if the session does not exist, has no such message or branch, or the new id
   * is in use; `invalid-request` for an invalid id
   */
  async fork(fork: SessionFork = {}): Promise<AgentSession<OptionalIn<CONTEXT>, OUTPUT>> {
    if (fork.id !== undefined) checkId(fork.id)
    const id = await forkSession(this.#sessions, await this.#existing(), fork)
    return new AgentSession(this.#agent, { id, principal: this.principal, loom: this.#loom })
  }

  /**
   * Deletes the session and ends its turn. @throws LoomError `not-found` if the session does not exist
   */
  async delete(): Promise<void> {
    const { id, tenant } = await this.#existing()
    if (!(await this.#sessions.remove(id, tenant))) throw noSession()
  }

  /**
   * Hands a running turn over to another instance on the same store, and closes the session's `Loom` and
   * its store. The other sessions of that `Loom` end too.
   */
  close(): Promise<void> {
    return this.#loom.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The options with the context as JSON: the one of the message, else the one of the session. */
  #withContext({
    context = this.#context,
    ...rest
  }: SendOptions<unknown> = {}): SendOptions<JSONObject> {
    return { ...rest, ...(context !== undefined && { context: contextJson(context) }) }
  }

  get #sessions(): Sessions {
    return this.#loom.sessions
  }

  get #target(): ProgramTarget {
    const { principal, id } = this
    return { host: this.#loom, principal, id, agent: this.#agent, seed: this.#seed }
  }

  #answer(
    { sessionId, receipt }: AcceptedPost,
    options: Pick<SendOptions<unknown>, 'signal' | 'context'> = {},
  ): AnswerStream<OUTPUT> {
    return new AnswerStream({
      sessions: this.#sessions,
      sessionId,
      receipt,
      signal: options.signal,
      outputOf: (json) => {
        const { context } = this.#withContext(options)
        return this.#outputOf(json, { sessionId, context })
      },
    })
  }

  /** Loads the schemas only for an agent that has one. */
  async #outputOf(
    json: JSONValue,
    { sessionId, context }: { sessionId: string; context: JSONObject | undefined },
  ): Promise<unknown> {
    const { storedOutput } = await import('./runner/output/stored-output.ts')
    return storedOutput(this.#agent, json, context ?? (await this.#contextOf(sessionId)))
  }

  /** Only a schema that is a function of the context needs the stored one. */
  async #contextOf(sessionId: string): Promise<JSONObject> {
    if (typeof this.#agent.output !== 'function') return {}
    const session = await this.#sessions.session(sessionId)
    if (session === undefined) return {}
    const { sessionContext } = await this.#sessions.promptState(session)
    return mergedContext(sessionContext.context ?? {})
  }

  #find(): Promise<SessionRecord | undefined> {
    return this.#sessions.find(this.principal, this.id)
  }

  /** @throws LoomError `not-found` */
  async #existing(): Promise<SessionRecord> {
    const session = await this.#find()
    if (session === undefined) throw noSession()
    return session
  }

  /** The id in the store. An earlier version of Loom stored some sessions under another id. */
  async #storedId(): Promise<string> {
    return (await this.#find())?.id ?? storedId(this.principal, this.id)
  }
}

/** The options beside a list of answers. */
function waitOptionsIn(options: unknown): WaitOptions {
  const signal = fieldOf(options, 'signal')
  return signal instanceof AbortSignal ? { signal } : {}
}

function checkId(id: string): void {
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
