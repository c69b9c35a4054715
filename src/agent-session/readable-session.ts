/** The methods of an `AgentSession` that read the session and do not change it. */
import type { UIMessage } from 'ai'

import { late } from '../ground/late.ts'
import type { ScheduleInfo } from '../schedule.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import type { NextPrompt } from '../session/next-prompt.ts'
import { type QueuedLetterInfo, queueInfo, type SessionInfo } from '../session/session-info.ts'
import { storedId } from '../session/tenant-ids.ts'
import type { Branch } from '../store/session.ts'
import type { TaskInfo } from '../task.ts'
import type { FollowOptions, HistoryOptions, PromptOptions, WaitOptions } from './options.ts'
import type { SessionHandle } from './session-handle.ts'

// It loads the conversion of messages and the runner, which an import of the library does not need.
const following = late(() => import('../session/session-events.ts'))
const awaitedCalls = late(() => import('../session/awaited-calls.ts'))
const scheduling = late(() => import('../session/schedule-info.ts'))
const histories = late(() => import('../session/history.ts'))
const prompts = late(() => import('../session/next-prompt.ts'))

/** The reading side of a session. `AgentSession` adds the methods that change the session. */
export class ReadableSession<OUTPUT> {
  /** The id by which the principal names the session. */
  readonly id: string
  /** The user or the tenant to whom the session belongs; '' if there is none. */
  readonly principal: string
  readonly #session: SessionHandle<OUTPUT>

  constructor(session: SessionHandle<OUTPUT>) {
    this.id = session.id
    this.principal = session.principal
    this.#session = session
  }

  /**
   * Returns the events of the answer that runs or waits, from its start. Returns undefined if no turn runs
   * or waits.
   */
  async watch({ signal }: WaitOptions = {}): Promise<AnswerStream<OUTPUT> | undefined> {
    const sessionId = await this.#session.storedId()
    const place = await this.#session.sessions.readers.placeOf(sessionId, undefined)
    if (place === undefined) return undefined
    const receipt = { ...place, letterId: undefined, answers: [], queued: false, repeated: true }
    return this.#session.answer({ sessionId, receipt }, signal === undefined ? {} : { signal })
  }

  /**
   * Returns the events of the whole session, one answer after the other: first those of the answer that runs
   * or waits. `data-user-message` is a message that another caller sent, and `data-queue` is the queue after
   * each change. Each answer begins with `start`, which has its `messageId`. If the session does not exist
   * yet, the loop waits for it.
   * @throws LoomError `gone` if the session is deleted; `unavailable` if this instance shuts down; the reason
   * of the signal
   */
  async *follow({ signal, scope = 'session' }: FollowOptions = {}) {
    const session = await this.#session.find()
    const sessionId = session?.id ?? storedId(this.principal, this.id)
    const place = await this.#session.sessions.readers.placeOf(sessionId, undefined)
    const followed = { sessionId, createdAt: session?.createdAt, place, scope }
    const { sessionEvents } = await following()
    yield* sessionEvents(this.#session.sessions, followed, signal)
  }

  /** Returns the id of the answer that runs or waits. Returns undefined if no turn runs or waits. */
  async running(): Promise<string | undefined> {
    const sessionId = await this.#session.storedId()
    return (await this.#session.sessions.readers.placeOf(sessionId, undefined))?.logId
  }

  /** Returns the schedules of the session, the next one first. Returns none if the session does not exist. */
  async schedules(): Promise<ScheduleInfo[]> {
    const { scheduleInfo } = await scheduling()
    const { sessions } = this.#session
    const sessionId = await this.#session.storedId()
    const list = await sessions.schedules(sessionId)
    const task = await sessions.taskOf(sessionId)
    return list.map((schedule) => scheduleInfo(schedule, task))
  }

  /**
   * Returns the tasks below the session: the sub-agents that its tool calls started, and those that these
   * started. The first started one comes first. Returns none if the session does not exist.
   */
  async tasks(): Promise<TaskInfo[]> {
    return this.#session.sessions.tasks(await this.#session.storedId(), this.principal)
  }

  /** Returns the state of the session. Returns undefined if it has no message yet. */
  async info(): Promise<SessionInfo | undefined> {
    const session = await this.#session.find()
    if (session === undefined) return undefined
    const { wholeSessionInfo } = await awaitedCalls()
    return wholeSessionInfo(this.#session.sessions, session)
  }

  /**
   * Returns the history or a part of it, also while a turn runs. Before the first message it is the seed.
   * @throws LoomError `invalid-request` for a bad `limit`; `not-found` if the history has no message with the id
   * `before`
   */
  async messages(options: HistoryOptions = {}): Promise<UIMessage[]> {
    const session = await this.#session.find()
    if (session === undefined) return [...this.#session.seed]
    const { readHistory } = await histories()
    return (await readHistory(this.#session.sessions, session.id, options)).messages
  }

  /**
   * Returns the exact prompt of the next model call, to explain an unexpected answer.
   * @throws LoomError `not-found` if the session does not exist
   */
  async prompt({ context }: PromptOptions = {}): Promise<NextPrompt> {
    const session = await this.#session.existing()
    const { nextPrompt } = await prompts()
    return nextPrompt(this.#session.host, session, { agent: this.#session.agent, context })
  }

  /**
   * Returns the messages that edits and regenerations cut, the oldest cut first.
   * @throws LoomError `not-found` if the session does not exist
   */
  async branches(): Promise<Branch[]> {
    return this.#session.sessions.branches((await this.#session.existing()).id)
  }

  /**
   * Returns the messages that wait, in the order of their answers.
   * @throws LoomError `not-found` if the session does not exist
   */
  async queue(): Promise<QueuedLetterInfo[]> {
    return queueInfo(await this.#session.sessions.queue((await this.#session.existing()).id))
  }
}
