/**
 * Conversations that behave like GenServers: a caller posts a letter, follows the answer, stops it, and
 * reads the state. The turn runs on any instance, and callers follow its log, so a caller may leave and
 * return. This file is the only entrance to `session/mailboxes.ts`, `session/readers.ts`,
 * `session/records.ts` and `session/schedules.ts`, and long because it is the list of what they do.
 * `session/README.md` describes the process model.
 */
import type { UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import { weightOf } from './ground/json/weight.ts'
import { late } from './ground/late.ts'
import type { FoldedMessage } from './message-fold.ts'
import { Instance, type InstanceOptions } from './session/instance.ts'
import {
  Mailboxes,
  missingAgent,
  type MessageStopOptions,
  type PostRequest,
  queuedMessages,
  type QueueState,
  type StopOptions,
} from './session/mailboxes.ts'
import { Readers } from './session/readers.ts'
import { type Receipt, receiptOf } from './session/receipt.ts'
import { type ForkOptions, type PromptState, Records } from './session/records.ts'
import type { Retention } from './session/retention.ts'
import type { AddedSchedule, NewSchedule, Schedules } from './session/schedules.ts'
import type { SessionInspection } from './session/session-inspection.ts'
import type { SessionView } from './session/session-view.ts'
import type { MessageStop } from './session/stop-message.ts'
import { type StorageLimits, StorageQuota } from './session/storage-limits.ts'
import type { Tasks, TreeLimits } from './session/tasks.ts'
import type { Store } from './store.ts'
import type { AuditEvent, AuditPage } from './store/audit.ts'
import type { DataOwner, ErasedKeys } from './store/erasure.ts'
import type { InstanceStatus, ReportedInstance } from './store/instance-status.ts'
import type { Letter, QueueOnStop } from './store/letter.ts'
import type { PostReply, QueueEdit } from './store/mailbox.ts'
import type { Member } from './store/member.ts'
import { lookAgain, type Schedule, type ScheduleOwner } from './store/schedule.ts'
import type {
  Branch,
  HistoryPart,
  MessagePage,
  SessionPage,
  SessionRecord,
} from './store/session.ts'
import type { StoredFile } from './store/stored-file.ts'
import { isTaskId, type Task } from './store/task.ts'
import type { TaskInfo } from './task.ts'

export interface SessionsOptions extends Omit<
  InstanceOptions,
  'schedules' | 'tasks' | 'settleTasks' | 'discard' | 'onStart'
> {
  store: Store
  /** Whether this instance delivers scheduled messages, and its tools may schedule them. */
  schedules: boolean
  /** The limits of trees of tasks. */
  tasks: TreeLimits
  /** The maximum number of letters in the queue of a session. */
  mailboxLimit: number
  /** The maximum size of the letters in the queue of a session, in bytes. */
  mailboxBytesMax: number
  /** The most that one principal may store. */
  storageLimits: StorageLimits
  /** The longest wait of a follower for a hint before it reads the store, in milliseconds. */
  pollMs: number
}

const inspection = late(() => import('./session/session-inspection.ts'))

/** The longest wait of a request for an unreachable store, in milliseconds: its client waits for a status. */
const requestPatienceMs = 5000

/**
 * The conversations of a `Loom`. `Loom.startAgent` and `Loom.session` return the more convenient
 * `AgentSession`.
 */
export class Sessions {
  /**
   * Follows logs and whole sessions to their ends, and finds the place of a returning reader.
   * @internal
   */
  readonly readers: Readers
  readonly #store: Store
  /** The store with the patience of a request. */
  readonly #requestStore: Store
  readonly #instance: Instance
  readonly #mailboxes: Mailboxes
  readonly #records: Records
  readonly #storage: StorageQuota | undefined
  /** It loads when the instance starts: a program that only imports Loom does not need it. */
  readonly #openSchedules: () => Promise<Schedules>
  #schedules: Schedules | undefined
  readonly #openTasks: () => Promise<Tasks>
  readonly #agents: Pick<SessionsOptions, 'agentOf' | 'agentNames' | 'report'>
  #retention: Retention | undefined

  constructor(options: SessionsOptions) {
    const { store } = options
    this.#agents = options
    const requestStore = store.within?.(requestPatienceMs) ?? store
    this.#openSchedules = late(async () => {
      const { Schedules } = await import('./session/schedules.ts')
      this.#schedules = new Schedules({
        ...options,
        store: requestStore,
        leaseMs: options.heartbeatMs,
        post: (sessionId, letter, request) =>
          this.#mailboxes.post(sessionId, letter, request, { isPatient: true }),
      })
      return this.#schedules
    })
    this.#openTasks = late(async () => {
      const { Tasks } = await import('./session/tasks.ts')
      return new Tasks({
        ...options,
        limits: options.tasks,
        sessions: this,
        post: (sessionId, letter, request) =>
          this.#mailboxes.post(sessionId, letter, request, { isOfTurn: true }),
      })
    })
    const instance = new Instance({
      ...options,
      schedules: options.schedules ? this.#openSchedules : undefined,
      tasks: this.#openTasks,
      settleTasks: async (sessionId, hasTasks) =>
        (await this.#openTasks()).settle(sessionId, hasTasks),
      discard: (sessionId, tenant) => this.remove(sessionId, tenant),
      onStart: () => {
        if (options.schedules) this.#startSchedules().catch(options.report)
      },
    })
    this.#store = store
    this.#requestStore = requestStore
    this.#instance = instance
    this.#records = new Records({ store, requestStore, instance })
    const { storageLimits } = options
    const hasLimits = storageLimits.sessions !== undefined || storageLimits.bytes !== undefined
    const storage = hasLimits ? new StorageQuota(requestStore, storageLimits) : undefined
    this.#storage = storage
    this.#mailboxes = new Mailboxes({ ...options, store: requestStore, instance, storage })
    this.readers = new Readers({ ...options, requestStore, requestPatienceMs, instance })
  }

  // The instance

  /** The id of this instance, which is new at every start and names the owner of its turns. */
  get instanceId(): string {
    return this.#instance.id
  }

  /** Whether this instance shuts down and accepts nothing more. */
  get isDraining(): boolean {
    return this.#instance.isDraining
  }

  /** Whether the store accepts the heartbeats of this instance. */
  get isConnected(): boolean {
    return this.#instance.isConnected
  }

  /** The number of turns that run on this instance, and the number after which it refuses new messages. */
  get turns(): {
    /** The turns that run now, those of tasks included. */
    running: number
    /** See `LoomOptions.turnsMax`. */
    max: number
  } {
    return this.#instance.turns
  }

  /** The age of the oldest turn that runs in this instance, in milliseconds. 0 if none runs. */
  get oldestTurnMs(): number {
    return this.#instance.oldestTurnMs
  }

  /**
   * Returns the number of messages that wait behind the turns of this instance. If it runs very many turns,
   * this is an estimate. @throws LoomError `unavailable`
   */
  queuedLetters(): Promise<number> {
    return this.#instance.queuedLetters()
  }

  /**
   * Starts the heartbeats of this instance, the takeover of turns from dead instances, and the delivery of
   * scheduled messages. Later calls have no effect, except after a failure. @throws LoomError `unavailable`
   */
  start(): Promise<void> {
    return this.#instance.start()
  }

  async #startSchedules(): Promise<void> {
    const schedules = await this.#openSchedules()
    // The instance may have begun to shut down meanwhile.
    if (!this.isDraining) schedules.start()
    const { Retention } = await import('./session/retention.ts')
    this.#retention = new Retention({
      store: this.#requestStore,
      agents: () => this.#agents.agentNames().flatMap((name) => this.#agents.agentOf(name) ?? []),
      remove: (id, tenant, unusedSince) => this.remove(id, tenant, unusedSince),
      report: this.#agents.report,
    })
    if (!this.isDraining) this.#retention.start()
  }

  /** Stores the report of this instance. Returns whether somebody asked it to drain; see `StatusStore`. */
  reportStatus(status: InstanceStatus, ttlMs: number): Promise<boolean> {
    return this.#store.reportStatus(this.instanceId, status, ttlMs)
  }

  /** Returns all instances that have reported lately. */
  reportedInstances(): Promise<ReportedInstance[]> {
    return this.#requestStore.reportedInstances()
  }

  /** Asks an instance to drain; see `StatusStore`. */
  askToDrain(instance: string): Promise<void> {
    return this.#requestStore.askToDrain(instance)
  }

  /** Starts nothing new, and hands every running turn over to another instance. */
  async drain(): Promise<void> {
    // A removal in progress must not delay the turns.
    const removal = this.#retention?.stop()
    await this.#schedules?.stop()
    await this.#instance.drain()
    await removal
  }

  /** Accepts nothing more, and hands nothing over: for a store that no other instance shares. */
  refuse(): void {
    void this.#retention?.stop()
    void this.#schedules?.stop()
    this.#instance.refuse()
  }

  /** Waits until all turns here have ended, or the signal aborts. */
  idle(signal: AbortSignal): Promise<void> {
    return this.#instance.idle(signal)
  }

  /** Hands running turns over to the instances that share the store, and closes the store. */
  async close(): Promise<void> {
    await this.drain()
    await this.#store.close()
  }

  /** Takes a session over if its owner is dead. Returns false if the store accepts no writes. */
  lookAfter(sessionId: string): Promise<boolean> {
    return this.#instance.lookAfter(sessionId)
  }

  // Sessions

  /** Returns the session. Returns undefined if there is none. */
  session(sessionId: string): Promise<SessionRecord | undefined> {
    return this.#records.session(sessionId)
  }

  /**
   * Returns the tenant's session with this id. Returns undefined if there is none, also if another tenant
   * has a session with this id.
   * @param id the id by which the tenant names the session
   * @param reader true for a reader, which waits longer for an unreachable store
   * @throws LoomError `unavailable` if another version of Loom stored a state that this version does not
   * support
   */
  find(tenant: string, id: string, reader = false): Promise<SessionRecord | undefined> {
    return this.#records.find(tenant, id, reader ? this.#store : undefined)
  }

  /** Returns the sessions of the tenant, or of one subject of it, the last used first. */
  list(
    tenant: string,
    page: {
      /** The maximum number of sessions of a page. */
      limit: number
      /** `before` of the previous page. @defaultValue the first page */
      before?: number
      /** Only the sessions of this subject, and those shared with it. @defaultValue all of the tenant */
      subject?: string
    },
  ): Promise<SessionPage> {
    return this.#records.list(tenant, page)
  }

  /** Returns a file of a message by the SHA-256 of its content; see `FileReader`. */
  file(sessionId: string, hash: string): Promise<StoredFile | undefined> {
    return this.#records.file(sessionId, hash)
  }

  /** Returns the hashes of the files of a session. Returns undefined if the files are in the messages. */
  fileHashes(sessionId: string): Promise<string[] | undefined> {
    return this.#records.fileHashes(sessionId)
  }

  /**
   * Returns the inner state of a session, for an operator: its owner, claims, log, calls, queue, tasks and cost.
   * @throws LoomError `unavailable`
   */
  async inspect(session: SessionRecord): Promise<SessionInspection> {
    const { inspectSession } = await inspection()
    return inspectSession(session, {
      store: this.#requestStore,
      instance: this.instanceId,
      tasks: () => this.tasks(session.id, session.tenant),
    })
  }

  /** Returns the messages that edits and regenerations cut, the oldest cut first. */
  branches(sessionId: string): Promise<Branch[]> {
    return this.#records.branches(sessionId)
  }

  /**
   * Copies a history under a new id. Returns false if it has no such message, or the id is in use.
   * @throws LoomError `limited`
   */
  async fork(sessionId: string, options: ForkOptions): Promise<boolean> {
    const { tenant, subject, newId } = options
    const sender = { tenant, ...(subject !== undefined && { subject }) }
    await this.#storage?.admit(newId, { sender, bytes: 0 })
    return this.#records.fork(sessionId, options)
  }

  /** Replaces the members of a session. Returns false if the tenant has no such session. */
  setMembers(sessionId: string, tenant: string, members: readonly Member[]): Promise<boolean> {
    return this.#records.setMembers(sessionId, tenant, members)
  }

  /**
   * Deletes a session with all tasks below it, and ends their turns. Returns false if the tenant has no such
   * session.
   * @param unusedSince the session stays if it has had a message since then; see `SessionStore.remove`
   */
  async remove(sessionId: string, tenant: string, unusedSince?: number): Promise<boolean> {
    const { hasTasks = isTaskId(sessionId) } = (await this.#store.session(sessionId)) ?? {}
    // Another instance continues the deletion of the tasks if this one dies. A full store takes no note, and a session
    // without tasks needs none.
    if (hasTasks) await this.#mailboxes.note(sessionId)
    const isRemoved = await (await this.#openTasks()).stops.remove(sessionId, tenant, unusedSince)
    // A session that stays may have a turn on this instance.
    if (isRemoved || unusedSince === undefined) await this.#mailboxes.forget(sessionId)
    return isRemoved
  }

  /**
   * Deletes one session, without its tasks.
   * @internal
   */
  async removeOne(sessionId: string, tenant: string, unusedSince?: number): Promise<boolean> {
    const { nextDueAt } = (await this.#store.session(sessionId)) ?? {}
    const isRemoved = await this.#records.remove(sessionId, tenant, unusedSince)
    if (isRemoved && nextDueAt !== undefined) await lookAgain(this.#store, sessionId)
    return isRemoved
  }

  // Governance

  /** Stores what a principal did; see `AuditStore`. */
  noteAudit(tenant: string, event: AuditEvent): Promise<void> {
    return this.#requestStore.noteAudit(tenant, event)
  }

  /** Returns what principals did in a tenant, the last act first. */
  auditPage(
    tenant: string,
    page: {
      /** The maximum number of events. */
      limit: number
      /** `before` of the previous page. @defaultValue the first page */
      before?: string
    },
  ): Promise<AuditPage> {
    return this.#requestStore.auditPage(tenant, page)
  }

  /** Returns the tenants that have sessions. */
  tenants(): Promise<string[]> {
    return this.#store.tenants()
  }

  /** Returns the ids in the store of all sessions of a tenant or a subject; see `ErasureStore.ownedSessions`. */
  ownedSessions(owner: DataOwner): Promise<string[]> {
    return this.#store.ownedSessions(owner)
  }

  /** Removes everything of sessions from the store; see `ErasureStore.erase`. It stops no turn: `session/erasure.ts` does. */
  eraseSessions(sessionIds: readonly string[], owner: DataOwner): Promise<ErasedKeys> {
    return this.#store.erase(sessionIds, owner)
  }

  /** Removes the counters of limits of an owner; see `ErasureStore.eraseCounters`. */
  eraseCounters(owner: DataOwner): Promise<Record<string, number>> {
    return this.#store.eraseCounters(owner)
  }

  // Tasks

  /** Returns the tasks below a session, the first started one first. */
  async tasks(sessionId: string, tenant: string): Promise<TaskInfo[]> {
    return (await this.#openTasks()).list(sessionId, tenant)
  }

  /** Returns the task of a session. Returns undefined for the root of a tree. */
  async taskOf(sessionId: string): Promise<Task | undefined> {
    return (await this.#openTasks()).taskOf(sessionId)
  }

  /**
   * Returns the agent of this instance for the copy of a task.
   * @throws LoomError `unavailable` if only another instance has the agent
   * @internal
   */
  agentOf(name: string): Agent {
    const { agentOf, agentNames } = this.#agents
    const agent = agentOf(name)
    if (agent === undefined) throw missingAgent(name, agentNames())
    return agent
  }

  /** Stops a task by itself. Returns false if the session is no task, or the task has ended. */
  async cancelTask(sessionId: string, tenant: string): Promise<boolean> {
    return (await this.#openTasks()).stops.cancel(sessionId, tenant)
  }

  /**
   * Ends the wait of a session for answers, as a stop of its turn. Returns false if the session does not wait.
   * @internal
   */
  async endWait(sessionId: string, tenant: string, queue: QueueOnStop): Promise<boolean> {
    return (await this.#openTasks()).stops.endWait(sessionId, tenant, queue)
  }

  /** Stops all tasks below a session. Returns their number. */
  async stopTasks(sessionId: string, tenant: string): Promise<number> {
    return (await this.#openTasks()).stops.stopBelow(sessionId, tenant)
  }

  /** Returns the history, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]> {
    return this.#records.messages(sessionId)
  }

  /** Returns a part of the history; see `SessionReader.messagePage`. */
  messagePage(sessionId: string, part: HistoryPart): Promise<MessagePage | undefined> {
    return this.#records.messagePage(sessionId, part)
  }

  /** Returns the queued user messages, which have `queued` in their metadata. */
  async queuedMessages(sessionId: string): Promise<UIMessage[]> {
    return queuedMessages(await this.#mailboxes.letters(sessionId))
  }

  /** Returns the state that decides the next prompt of a session. */
  promptState(session: SessionRecord): Promise<PromptState> {
    return this.#records.promptState(session)
  }

  /** Returns the message of a log, as far as the log has it. */
  partialAnswer(sessionId: string, logId: string): Promise<FoldedMessage> {
    return this.#records.partialAnswer(sessionId, logId)
  }

  /** Whether the store still has a log. */
  hasLog(sessionId: string, logId: string): Promise<boolean> {
    return this.#records.hasLog(sessionId, logId)
  }

  /** Returns an answer, finished or not, from its log or the history. Returns undefined if neither has it. */
  answerOf(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    return this.#records.answerOf(sessionId, logId)
  }

  // Schedules

  /**
   * Adds a schedule, whose messages the session gets at their times.
   * @throws LoomError `invalid-request`, `refused` (the id was used), `mailbox-full`, `limited`, `not-found`, `unavailable`
   */
  async addSchedule(
    sessionId: string,
    schedule: NewSchedule,
    owner: ScheduleOwner,
  ): Promise<AddedSchedule> {
    await this.start()
    const schedules = await this.#openSchedules()
    try {
      const bytes = weightOf(schedule.letter.message, Infinity)
      await this.#storage?.admit(sessionId, { sender: owner, bytes })
    } catch (error) {
      // The request may be a repetition.
      const isKnown = ({ id }: Schedule) => id === schedule.id
      if (!(await schedules.list(sessionId)).some(isKnown)) throw error
    }
    return schedules.add(sessionId, schedule, owner)
  }

  /** Returns the schedules of a session, the next one first. */
  async schedules(sessionId: string): Promise<Schedule[]> {
    return (await this.#openSchedules()).list(sessionId)
  }

  /** Removes a schedule. Returns false if the tenant has no such schedule. */
  async removeSchedule(sessionId: string, id: string, tenant: string): Promise<boolean> {
    return (await this.#openSchedules()).remove(sessionId, id, tenant)
  }

  // Mailboxes

  /**
   * Accepts a letter. After the return, the letter gets its answer, even if an instance dies.
   * @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable` (also if only another
   * instance has the agent)
   */
  async post(sessionId: string, letter: Letter, request: PostRequest): Promise<Receipt> {
    return this.#receiptOf(
      sessionId,
      letter,
      await this.#mailboxes.post(sessionId, letter, request),
    )
  }

  /**
   * Accepts an edit of a message that is not in the history: it is in the queue, or was withdrawn.
   * @returns undefined if the message has moved since the caller read it. The caller reads it again.
   * @throws LoomError as `post`
   */
  async edit(
    sessionId: string,
    letter: Letter,
    request: PostRequest & {
      /** The edit of a message that waits in the queue. */
      edit: QueueEdit
    },
  ): Promise<Receipt | undefined> {
    const reply = await this.#mailboxes.post(sessionId, letter, request)
    return reply.status === 'moved' ? undefined : this.#receiptOf(sessionId, letter, reply)
  }

  #receiptOf(sessionId: string, letter: Letter, reply: PostReply): Promise<Receipt> {
    return receiptOf(letter, reply, (id, answers) => this.readers.lastPart(sessionId, id, answers))
  }

  /** Returns the state of a session that decides the meaning of a post to it. */
  viewOf(sessionId: string, session: SessionRecord | undefined): Promise<SessionView> {
    return this.#records.viewOf(sessionId, session)
  }

  /** Returns the letters in the queue, in the order of their answers. */
  queue(sessionId: string): Promise<Letter[]> {
    return this.#mailboxes.letters(sessionId)
  }

  /** Returns the number of letters in the queue, and whether a stop holds them. */
  queueState(sessionId: string): Promise<QueueState> {
    return this.#mailboxes.state(sessionId)
  }

  /** Removes a letter from the queue. Returns false if it is not there, or belongs to another tenant. */
  withdraw(sessionId: string, tenant: string, letterId: string): Promise<boolean> {
    return this.#mailboxes.withdraw(sessionId, tenant, letterId)
  }

  /** Stops the running turn on any instance. Returns false if no turn runs. */
  stop(sessionId: string, tenant: string, options: StopOptions = {}): Promise<boolean> {
    return this.#mailboxes.stop(sessionId, tenant, options)
  }

  /** Withdraws one message, or stops its turn; see `session/stop-message.ts`. */
  stopMessage(
    sessionId: string,
    tenant: string,
    options: MessageStopOptions,
  ): Promise<MessageStop> {
    return this.#mailboxes.stopMessage(sessionId, tenant, options)
  }

  /** Answers the messages that a stop holds. Returns whether a turn runs now. @throws LoomError `unavailable` */
  runQueue(sessionId: string, tenant: string): Promise<boolean> {
    return this.#mailboxes.run(sessionId, tenant)
  }
}
