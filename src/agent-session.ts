/**
 * A conversation with an agent in code, like LoomEx's `start_agent`, `call` and `get_messages`. It has a
 * mailbox, runs one turn at a time, and lives as long as its store. Its methods match the session routes
 * over HTTP, through the same functions of `session/`. Long, because it is the list of these methods; those
 * that only read are in `agent-session/readable-session.ts`.
 */
import type { UIMessage } from 'ai'

import {
  type DecisionOptions,
  type AgentSessionOptions,
  type ScheduleArguments,
  scheduleFields,
  type SendArguments,
  type SendOptions,
  type WaitOptions,
} from './agent-session/options.ts'
import { ReadableSession } from './agent-session/readable-session.ts'
import { checkId, SessionHandle } from './agent-session/session-handle.ts'
import type { Agent } from './agent.ts'
import type { OptionalIn } from './context-option.ts'
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import { fieldOf } from './ground/fields.ts'
import { late } from './ground/late.ts'
import type { ScheduleInfo, ScheduleTime } from './schedule.ts'
import type { AnswerStream, CallReply } from './session/answer-stream.ts'
import {
  areStoredAnswers,
  type CallAnswer,
  outputOrError,
  storedAnswer,
} from './session/call-answer.ts'
import { checkQueueOnStop } from './session/given-value.ts'
import { noSession, notQueued } from './session/receipt.ts'
import type { SessionFork } from './session/session-fork.ts'
import type { SessionStop, StopReply } from './session/session-stop.ts'
import type { Answer, QueueOnStop } from './store/letter.ts'

// They load the conversion of messages, which an import of the library does not need.
const posts = late(() => import('./session/program-post.ts'))
// Most programs do not use these.
const forks = late(() => import('./session/session-fork.ts'))
const stops = late(() => import('./session/session-stop.ts'))
const scheduling = late(() => import('./session/accept-schedule.ts'))
const answers = late(() => import('./session/accept-answer.ts'))

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
export class AgentSession<CONTEXT = unknown, OUTPUT = unknown>
  extends ReadableSession<OUTPUT>
  implements AsyncDisposable
{
  readonly #session: SessionHandle<OUTPUT>

  /** @throws LoomError `invalid-request` for an invalid id */
  constructor(agent: Agent, options: AgentSessionOptions) {
    const session = new SessionHandle<OUTPUT>(agent, options)
    super(session)
    this.#session = session
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
    const sent = this.#session.withContext(options)
    const { postMessage } = await posts()
    const { receipt } = await postMessage(this.#session, message, sent)
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
    const sent = this.#session.withContext(options)
    const { postMessage } = await posts()
    return this.#session.answer(await postMessage(this.#session, message, sent), sent)
  }

  /**
   * Replaces a user message, in the history or in the queue, and answers it again. The messages after it
   * become a branch. An edit of a message that was withdrawn sends it again.
   * @returns the new answer, when the store has accepted the edit
   * @throws LoomError `refused` if the session has no such message; `invalid-request` if it is an answer; `gone` if
   * the session does not exist; as `cast`
   */
  async edit(
    messageId: string,
    message: string | UIMessage,
    options: SendOptions<CONTEXT> = {},
  ): Promise<AnswerStream<OUTPUT>> {
    const edit = { ...this.#session.withContext(options), messageId }
    const { postMessage } = await posts()
    return this.#session.answer(await postMessage(this.#session, message, edit), options)
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
    const { postRegeneration } = await posts()
    const sent = this.#session.withContext(options)
    return this.#session.answer(await postRegeneration(this.#session, messageId, sent), options)
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
  /**
   * Answers one call.
   * @returns the answer that continues, when the store has accepted the output
   * @throws LoomError `refused` if the session does not wait for the call; `not-found` if the
   * session does not exist; `invalid-request` for an output that is not JSON
   */
  answer(toolCallId: string, output: unknown, options?: WaitOptions): Promise<AnswerStream<OUTPUT>>
  /**
   * Answers several calls of one message, in the form in which the store keeps the answers.
   * @returns the answer that continues, when the store has accepted the outputs
   * @throws LoomError `refused` if the session does not wait for one of the calls; `not-found` if
   * the session does not exist
   */
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
    const { postAnswers } = await posts()
    return this.#session.answer(await postAnswers(this.#session, first, second), third)
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
    { reason, signal }: DecisionOptions = {},
  ): Promise<AnswerStream<OUTPUT>> {
    const decision = { approvalId, approved, ...(reason !== undefined && { reason }) }
    return this.#answerCalls([decision], signal === undefined ? {} : { signal })
  }

  async #answerCalls(
    given: readonly CallAnswer[],
    options: WaitOptions | undefined,
  ): Promise<AnswerStream<OUTPUT>> {
    const session = await this.#session.existing()
    const { acceptAnswers } = await answers()
    const receipt = await acceptAnswers(this.#session.sessions, session, given.map(storedAnswer))
    return this.#session.answer({ sessionId: session.id, receipt }, options)
  }

  // Schedules

  /**
   * Sends a message later, even if this process has ended by then: an instance that shares the store delivers
   * it. The message has the id `<schedule>:0`.
   * @param delay milliseconds from now, or a time. A past time is due at once
   * @throws LoomError as `schedule`
   */
  sendAfter(
    delay: number | Date,
    message: string | UIMessage,
    ...options: ScheduleArguments<CONTEXT>
  ): Promise<ScheduleInfo> {
    const time = typeof delay === 'number' ? { after: delay } : { at: delay }
    return this.schedule(time, message, ...options)
  }

  /**
   * Sends a message at a time, or again and again. The message of each occurrence has the id
   * `<schedule>:<occurrence>`. Occurrences that were missed while no instance ran are delivered once, late, and
   * the message says so. Its metadata has `schedule`. A session has at most 100 schedules.
   * @throws LoomError `invalid-request` for a bad time or message; `refused` if the id belongs to another
   * schedule, or belonged to an earlier one; `mailbox-full` if the session has too many schedules
   */
  async schedule(
    time: ScheduleTime,
    message: string | UIMessage,
    ...[options]: ScheduleArguments<CONTEXT>
  ): Promise<ScheduleInfo> {
    const { host, agent, principal } = this.#session
    const { context, model } = this.#session.withContext(options, scheduleFields)
    const id = options?.id
    const { acceptSchedule } = await scheduling()
    const { info } = await acceptSchedule(host, {
      tenant: principal,
      sessionId: this.id,
      session: await this.#session.find(),
      agent,
      message: typeof message === 'string' ? message : { ...message },
      time,
      id,
      context,
      model,
    })
    return info
  }

  /**
   * Removes a schedule. Occurrences that were delivered stay.
   * @throws LoomError `not-found` if the session has no such schedule
   */
  async unschedule(id: string): Promise<void> {
    const { sessions } = this.#session
    const session = await this.#session.existing()
    if (await sessions.removeSchedule(session.id, id, session.tenant)) return
    throw new LoomError('not-found', 'The session has no such schedule.')
  }

  // The queue

  /**
   * Removes a message from the queue.
   * @throws LoomError `not-found` if no such message waits
   */
  async withdraw(messageId: string): Promise<void> {
    const { id, tenant } = await this.#session.existing()
    if (!(await this.#session.sessions.withdraw(id, tenant, messageId))) throw notQueued()
  }

  /** Answers the messages that a stop holds. Returns false if no message waits and no turn runs. */
  async runQueue(): Promise<boolean> {
    return this.#session.sessions.runQueue(await this.#session.storedId(), this.principal)
  }

  /**
   * Stops the running turn and keeps its text. Returns false if no turn runs. With an object, it may name one
   * message: if this message waits, it is withdrawn; if its turn runs, the turn is stopped.
   * @param queue the effect on the messages that wait: `hold` answers none of them before the next
   * message or `runQueue`, `clear` withdraws them, `run` answers the next one. @defaultValue 'hold'
   * @throws LoomError `not-found` if the session does not exist (only with an object)
   */
  stop(queue?: QueueOnStop): Promise<boolean>
  /**
   * Stops the running turn, or the message of `messageId`, and keeps its text. A message that waits
   * is withdrawn.
   * @throws LoomError `not-found` if the session does not exist
   */
  stop(stop: SessionStop): Promise<StopReply>
  async stop(stop: QueueOnStop | SessionStop = 'hold'): Promise<boolean | StopReply> {
    const { sessions } = this.#session
    if (typeof stop === 'object') {
      const { stopSession } = await stops()
      return stopSession(sessions, await this.#session.existing(), stop)
    }
    checkQueueOnStop(stop)
    return sessions.stop(await this.#session.storedId(), this.principal, { queue: stop })
  }

  // Life

  /**
   * Copies the history to a new session of the same agent, principal and last context. The copy of a task is not a
   * task.
   * @returns the copy
   * @throws LoomError `not-found` if the session does not exist, has no such message or branch, or the new id
   * is in use; `invalid-request` for an invalid id; `unavailable` for a task whose agent is only a sub-agent here
   */
  async fork(fork: SessionFork = {}): Promise<AgentSession<OptionalIn<CONTEXT>, OUTPUT>> {
    if (fork.id !== undefined) checkId(fork.id)
    const { agent, principal, host, sessions } = this.#session
    const { forkSession } = await forks()
    const session = await this.#session.existing()
    const task = await sessions.taskOf(session.id)
    const ofCopy = task === undefined ? agent : sessions.agentOf(task.agent)
    const id = await forkSession(sessions, session, fork)
    return new AgentSession(ofCopy, { id, principal, loom: host })
  }

  /**
   * Deletes the session and ends its turn. @throws LoomError `not-found` if the session does not exist
   */
  async delete(): Promise<void> {
    const { id, tenant } = await this.#session.existing()
    if (!(await this.#session.sessions.remove(id, tenant))) throw noSession()
  }

  /**
   * Hands a running turn over to another instance on the same store, and closes the session's `Loom` and
   * its store. The other sessions of that `Loom` end too.
   */
  close(): Promise<void> {
    return this.#session.host.close()
  }

  /** Closes the session at the end of an `await using` block; see `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The options beside a list of answers. */
function waitOptionsIn(options: unknown): WaitOptions {
  const signal = fieldOf(options, 'signal')
  return signal instanceof AbortSignal ? { signal } : {}
}
