/**
 * Conversations that behave like GenServers, as their callers see them: post a letter, follow the
 * answer, stop it, read the state. The turn runs on any instance and is followed through its log, so
 * a caller may come and go. This file is the one door; behind it stand `session/mailboxes.ts`,
 * `session/readers.ts` and `session/records.ts`.
 */
import type { UIMessage } from 'ai'

import type { FoldedMessage } from './message-fold.ts'
import { type Answering, answeringOf } from './session/answering.ts'
import { Instance, type InstanceOptions } from './session/instance.ts'
import {
  Mailboxes,
  type MessageStopOptions,
  type PostRequest,
  queuedMessages,
  type QueueState,
  type StopOptions,
} from './session/mailboxes.ts'
import type { Held } from './session/posted.ts'
import { Readers } from './session/readers.ts'
import { type ForkOptions, type PromptState, Records } from './session/records.ts'
import type { MessageStop } from './session/stop-message.ts'
import type { Store } from './store.ts'
import type { Letter } from './store/letter.ts'
import type { PostReply, QueueEdit } from './store/mailbox.ts'
import type { Branch, SessionPage, SessionRecord } from './store/session.ts'

export interface SessionsOptions extends InstanceOptions {
  store: Store
  /** Letters that may wait in a session. */
  mailboxLimit: number
  /** How long a follower waits for a hint before it looks by itself, in milliseconds. */
  pollMs: number
}

/** How long a request waits for a store that is away, in milliseconds: its client waits for a status. */
const requestPatienceMs = 5000

export class Sessions {
  /** Follows logs and whole sessions to their ends, and finds the place of a reader that comes back. */
  readonly readers: Readers
  readonly #store: Store
  readonly #instance: Instance
  readonly #mailboxes: Mailboxes
  readonly #records: Records

  constructor(options: SessionsOptions) {
    const { store } = options
    const requestStore = store.within?.(requestPatienceMs) ?? store
    const instance = new Instance(options)
    this.#store = store
    this.#instance = instance
    this.#records = new Records({ store, requestStore, instance })
    this.#mailboxes = new Mailboxes({ ...options, store: requestStore, instance })
    this.readers = new Readers({ ...options, requestStore, requestPatienceMs, instance })
  }

  // The instance

  /** The id of this instance, which is new at every boot and names the owner of its turns. */
  get instanceId(): string {
    return this.#instance.id
  }

  /** Whether this instance is going: it accepts nothing more. */
  get isDraining(): boolean {
    return this.#instance.draining
  }

  /** Whether the store takes what this instance says. */
  get isServed(): boolean {
    return this.#instance.isServed
  }

  /**
   * Begins to say that this instance is alive, and to look after the sessions of instances that are
   * not; does so once. After a failure it may be called again. @throws LoomError `unavailable`
   */
  start(): Promise<void> {
    return this.#instance.start()
  }

  /** Starts nothing new, and gives every running turn to another instance. */
  drain(): Promise<void> {
    return this.#instance.drain()
  }

  /** Accepts nothing more, and gives nothing away: for a store that no other instance shares. */
  refuse(): void {
    this.#instance.refuse()
  }

  /** Waits until all turns here have ended by themselves, or the signal aborts. */
  idle(signal: AbortSignal): Promise<void> {
    return this.#instance.idle(signal)
  }

  /** Hands running turns to the instances that share the store, and closes the store. */
  async close(): Promise<void> {
    await this.#instance.drain()
    await this.#store.close()
  }

  /** Takes a session over whose owner is gone. Returns false when the store takes nothing. */
  lookAfter(sessionId: string): Promise<boolean> {
    return this.#instance.lookAfter(sessionId)
  }

  // Sessions

  /** The session as it is; undefined where there is none. */
  session(sessionId: string): Promise<SessionRecord | undefined> {
    return this.#records.session(sessionId)
  }

  /**
   * The tenant's session with this id; undefined where there is none, also where another tenant has it.
   * @param id the id that the tenant knows the session by
   * @param reader true for a reader, which waits longer for a store that is away
   * @throws LoomError `unavailable` where another version of Loom stored it in a state that this one
   * does not know
   */
  find(tenant: string, id: string, reader = false): Promise<SessionRecord | undefined> {
    return this.#records.find(tenant, id, reader ? this.#store : undefined)
  }

  /** The tenant's sessions, the last used first. `before` is that of the page before. */
  list(tenant: string, page: { limit: number; before?: number }): Promise<SessionPage> {
    return this.#records.list(tenant, page)
  }

  /** The messages that edits and regenerations cut, the oldest cut first. */
  branches(sessionId: string): Promise<Branch[]> {
    return this.#records.branches(sessionId)
  }

  /** Copies a history under a new id. Returns false where it has no such message, or the id is taken. */
  fork(sessionId: string, options: ForkOptions): Promise<boolean> {
    return this.#records.fork(sessionId, options)
  }

  /** Deletes a session and ends its turn. Returns false where the tenant has no such session. */
  remove(sessionId: string, tenant: string): Promise<boolean> {
    return this.#records.remove(sessionId, tenant)
  }

  /** The history, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]> {
    return this.#records.messages(sessionId)
  }

  /** The history, and behind it the user messages that wait, which have `queued` in their metadata. */
  async messagesWithQueue(sessionId: string): Promise<UIMessage[]> {
    // The queue first: a message that moves from it to the history between the two is not missed.
    const waiting = queuedMessages(await this.#mailboxes.letters(sessionId))
    const history = await this.#records.messages(sessionId)
    const ids = new Set(history.map(({ id }) => id))
    return [...history, ...waiting.filter(({ id }) => !ids.has(id))]
  }

  /** What the next prompt of a session depends on. */
  promptState(session: SessionRecord): Promise<PromptState> {
    return this.#records.promptState(session)
  }

  /** The message that a log has made so far. */
  unfinished(sessionId: string, logId: string): Promise<FoldedMessage> {
    return this.#records.unfinished(sessionId, logId)
  }

  /** Whether a log can still be read. */
  holds(sessionId: string, logId: string): Promise<boolean> {
    return this.#records.holds(sessionId, logId)
  }

  /** An answer as far as it was made, also when its log is gone; undefined when it is nowhere. */
  answered(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    return this.#records.answered(sessionId, logId)
  }

  // Mailboxes

  /**
   * Accepts a letter: once this returns, it will be answered, whichever instance dies.
   * @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable` (also where
   * another instance has the agent and this one does not)
   */
  async post(sessionId: string, letter: Letter, request: PostRequest): Promise<Answering> {
    return this.#answering(
      sessionId,
      letter,
      await this.#mailboxes.post(sessionId, letter, request),
    )
  }

  /**
   * Accepts an edit of a message that is not in the history: it waits, or was withdrawn.
   * @returns undefined where the message has moved since it was read: read it again
   * @throws LoomError as `post`
   */
  async edit(
    sessionId: string,
    letter: Letter,
    request: PostRequest & { edit: QueueEdit },
  ): Promise<Answering | undefined> {
    const reply = await this.#mailboxes.post(sessionId, letter, request)
    return reply.status === 'moved' ? undefined : this.#answering(sessionId, letter, reply)
  }

  #answering(sessionId: string, letter: Letter, reply: PostReply): Promise<Answering> {
    return answeringOf(letter, reply, (id, answers) =>
      this.readers.lastPart(sessionId, id, answers),
    )
  }

  /** The state of a session by which a message posted to it is read. */
  held(sessionId: string, session: SessionRecord | undefined): Promise<Held> {
    return this.#records.held(sessionId, session)
  }

  /** The letters that wait, in the order in which they will be answered. */
  queue(sessionId: string): Promise<Letter[]> {
    return this.#mailboxes.letters(sessionId)
  }

  /** How many letters wait, and whether a stop holds them. */
  queueState(sessionId: string): Promise<QueueState> {
    return this.#mailboxes.state(sessionId)
  }

  /** Takes a letter out of the queue. Returns false where it does not wait, or the tenant is another. */
  withdraw(sessionId: string, tenant: string, letterId: string): Promise<boolean> {
    return this.#mailboxes.withdraw(sessionId, tenant, letterId)
  }

  /** Stops the running turn, wherever it runs. Returns false when none runs. */
  stop(sessionId: string, tenant: string, options: StopOptions = {}): Promise<boolean> {
    return this.#mailboxes.stop(sessionId, tenant, options)
  }

  /** Withdraws one message, or stops its turn, as by `stop`; see `stopMessage`. */
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
