/**
 * Conversations that behave like GenServers, as their callers see them: post a letter, follow the
 * answer, stop it, read the state. Whoever runs the turn, here or elsewhere, it is followed through
 * its log; so a caller may come and go, and the turn does not care. It is long for being the one door
 * to all of that; what stands behind each of its methods has a file of its own.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import type { UIMessage } from 'ai'

import { LoomError } from './error.ts'
import { type FoldedMessage, foldedMessage, MessageFold } from './message-fold.ts'
import { type Answering, answeringOf, withdrawn } from './session/answering.ts'
import { follow, type FollowOptions } from './session/follow.ts'
import { Instance, type InstanceOptions } from './session/instance.ts'
import { type Answer, isLetterRequest } from './session/letter-request.ts'
import { type NewestPart, newestPart } from './session/newest-part.ts'
import { type Place, placeOfUnfinished, sessionGone } from './session/place.ts'
import type { Held } from './session/posted.ts'
import { QueuedLetters } from './session/queued-letters.ts'
import { RemoteTails } from './session/remote-tail.ts'
import { restoredPlace } from './session/restored-place.ts'
import { type NextMessage, nextMessage, type ReadTo } from './session/session-places.ts'
import { type MessageStop, stopMessage } from './session/stop-message.ts'
import type { FollowEnd } from './session/tail.ts'
import { entriesOf } from './session/turn-world.ts'
import type { Store } from './store.ts'
import type { Letter, QueueOnStop, WhenBusy } from './store/letter.ts'
import type { PostReply, QueueEdit } from './store/mailbox.ts'
import type { SessionRecord } from './store/session.ts'
import type { Claim, LogEntry } from './store/turn.ts'

export interface SessionsOptions extends InstanceOptions {
  /** Letters that may wait in a session. */
  mailboxLimit: number
  /** How long a follower waits for a hint before it looks by itself, in milliseconds. */
  pollMs: number
}

export interface PostRequest {
  tenant: string
  agent: string
  whenBusy: WhenBusy
  /** What a session begins with that the store does not know. */
  seed?: readonly UIMessage[]
}

/** Whether a reader that has read all of a session is to end. */
export type IdleCheck = (session: SessionRecord | undefined) => boolean | Promise<boolean>

const lookAtMostEveryMs = 25

/** How long a request waits for a store that is away, in milliseconds: its client waits for a status. */
const requestPatienceMs = 5000

export class Sessions {
  readonly instance: Instance
  /** The store as requests ask it. Turns and readers have more patience. */
  readonly requestStore: Store
  readonly #options: SessionsOptions
  readonly #remoteTails: RemoteTails
  readonly #queuedLetters: QueuedLetters

  constructor(options: SessionsOptions) {
    this.#options = options
    this.instance = new Instance(options)
    this.requestStore = options.store.within?.(requestPatienceMs) ?? options.store
    const onSilence = (sessionId: string) => this.#lookAfter(sessionId)
    this.#remoteTails = new RemoteTails({ ...options, onSilence })
    this.#queuedLetters = new QueuedLetters({ ...options, lookAfter: onSilence })
  }

  get store(): Store {
    return this.#options.store
  }

  /**
   * Accepts a letter: once this returns, it will be answered, whoever dies.
   * @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable` (also where
   * another instance has the agent and this one does not)
   */
  async post(sessionId: string, letter: Letter, request: PostRequest): Promise<Answering> {
    return this.#answering(sessionId, letter, await this.#post(sessionId, letter, request))
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
    const reply = await this.#post(sessionId, letter, request)
    return reply.status === 'moved' ? undefined : this.#answering(sessionId, letter, reply)
  }

  #answering(sessionId: string, letter: Letter, reply: PostReply): Promise<Answering> {
    return answeringOf(letter, reply, (id, answers) => this.lastPart(sessionId, id, answers))
  }

  async #post(
    sessionId: string,
    letter: Letter,
    request: PostRequest & { edit?: QueueEdit },
  ): Promise<PostReply> {
    const { instance, requestStore } = this
    await instance.start()
    if (instance.draining) throw unavailableHere()
    if (this.#options.agentOf(request.agent) === undefined) throw agentElsewhere(request.agent)
    const { mailboxLimit, agents } = this.#options
    return instance.claiming(sessionId, async () => {
      // Noted first: an accepted letter always has someone who looks for it.
      await requestStore.note(instance.id, sessionId)
      const reply = await requestStore.post(sessionId, withContext(letter), {
        ...request,
        nonce: randomUUID(),
        instance: instance.id,
        mailboxLimit,
        agents,
      })
      if (reply.status === 'claimed') instance.begin(reply.claim)
      if (reply.status === 'queued') this.#begin(sessionId, reply)
      return reply
    })
  }

  /** Follows a log to its end; see `follow`. */
  follow(
    at: Pick<FollowOptions, 'sessionId' | 'logId' | 'after' | 'signal' | 'deliver'>,
  ): Promise<FollowEnd> {
    const { store, tails } = this.#options
    const onSilence = () => void this.#lookAfter(at.sessionId)
    return follow({ ...at, store, tails, remoteTails: this.#remoteTails, onSilence })
  }

  /**
   * Waits until a queued letter's turn has begun, or the running one has taken it.
   * @returns where its answer begins. For answers to calls that another client answered first, that
   * is where the message continued after that client's answers.
   * @throws LoomError `refused` when the letter was withdrawn or cut meanwhile
   */
  async begun(
    sessionId: string,
    { letterId, logId, answers }: Pick<Answering, 'letterId' | 'logId' | 'answers'>,
    signal: AbortSignal,
  ): Promise<Place> {
    const place = await this.#queuedLetters.taken(sessionId, letterId, signal)
    if (place?.as === 'done') return this.#answerPlace(sessionId, place.replyId, answers)
    if (place?.as === 'cut' && answers.length > 0) {
      const part = await this.lastPart(sessionId, logId, answers)
      if (part?.as === 'settled') return part.place
    }
    throw withdrawn()
  }

  /**
   * What a reader of the whole session reads next; waits until there is something.
   * @param options `onIdle` is called before each wait, with the session as it is; when it returns true
   * the reader waits no longer.
   * `createdAt` is that of the session that the reader reads, if it has seen it.
   * @returns undefined where `onIdle` ended the wait
   * @throws LoomError `unavailable` where this instance is going; `gone` where that session is not there
   * any more, also when its id began anew
   */
  async next(
    sessionId: string,
    readTo: ReadTo | undefined,
    options: { signal: AbortSignal; onIdle: IdleCheck; createdAt: number | undefined },
  ): Promise<(NextMessage & Pick<SessionRecord, 'createdAt'>) | undefined> {
    const { signal, onIdle } = options
    let { createdAt } = options
    let hint = Promise.withResolvers<void>()
    const unwatch = await this.store.watch(sessionId, 'log', () => hint.resolve())
    try {
      for (;;) {
        signal.throwIfAborted()
        if (this.instance.draining) throw unavailableHere()
        // What is hinted from here on is perhaps not in this look.
        hint = Promise.withResolvers()
        const session = await this.store.session(sessionId)
        createdAt ??= session?.createdAt
        if (session?.createdAt !== createdAt) throw sessionGone()
        const found = session && (await nextMessage(this.store, session, readTo))
        if (session !== undefined && found !== undefined)
          return { ...found, createdAt: session.createdAt }
        if (await onIdle(session)) return undefined
        await Promise.race([hint.promise, delay(this.#options.pollMs, undefined, { signal })])
        await delay(lookAtMostEveryMs, undefined, { signal })
        if (session?.state === 'running') await this.#lookAfter(sessionId)
      }
    } finally {
      unwatch()
    }
  }

  /** A message's answer is all of its log; answers continue a log that the client has the beginning of. */
  async #answerPlace(sessionId: string, logId: string, answers: readonly Answer[]): Promise<Place> {
    const part = answers.length > 0 ? await this.lastPart(sessionId, logId, answers) : undefined
    return part?.place ?? { logId, after: undefined, skip: 0 }
  }

  /**
   * Where a reader that comes back goes on. Without a cursor: the start of the unfinished message.
   * @returns undefined when there is nothing to read
   * @throws LoomError `gone` when nobody has the cursor's place any more; `unavailable` when a failover
   * lost it, and the turn's owner, which has it, did not restore it within 5 s
   */
  placeOf(sessionId: string, cursor: string | undefined): Promise<Place | undefined> {
    return cursor === undefined
      ? placeOfUnfinished(this.store, sessionId)
      : restoredPlace({
          store: this.store,
          sessionId,
          cursor,
          pollMs: this.#options.pollMs,
          waitMs: requestPatienceMs,
          onMissing: () => void this.#lookAfter(sessionId),
        })
  }

  /** Where the part of a message begins that follows these answers; see `newestPart`. */
  async lastPart(
    sessionId: string,
    messageId: string,
    answers: readonly Answer[],
  ): Promise<NewestPart | undefined> {
    return newestPart(messageId, await entriesOf(this.requestStore, sessionId, messageId), answers)
  }

  /**
   * Stops the running turn, wherever it runs. False when none runs.
   * @param options `logId` names the turn (default: the one that runs). `queue` says what becomes of the
   * messages that wait (default `hold`: none is answered before the next post or `runQueue`). `run`
   * also answers messages that an earlier stop holds, where nothing runs.
   */
  async stop(
    sessionId: string,
    tenant: string,
    { logId, queue = 'hold' }: { logId?: string; queue?: QueueOnStop } = {},
  ): Promise<boolean> {
    const stopped = await this.requestStore.requestStop(sessionId, {
      nonce: randomUUID(),
      tenant,
      queue,
      ...(logId !== undefined && { logId }),
    })
    if (stopped) this.instance.endTurn(sessionId, logId, 'stop')
    else if (queue === 'run' && logId === undefined) await this.runQueue(sessionId, tenant)
    return stopped
  }

  /** Withdraws one message, or stops its turn, as by `stop`; see `stopMessage`. */
  stopMessage(
    sessionId: string,
    tenant: string,
    { messageId, queue }: { messageId: string; queue: QueueOnStop },
  ): Promise<MessageStop> {
    const stopTurn = (logId: string) => this.stop(sessionId, tenant, { logId, queue })
    return stopMessage(this.requestStore, { sessionId, tenant, messageId }, stopTurn)
  }

  /**
   * Answers the messages that a stop holds.
   * @returns whether a turn runs now
   * @throws LoomError `unavailable`
   */
  async runQueue(sessionId: string, tenant: string): Promise<boolean> {
    const { instance, requestStore } = this
    await instance.start()
    if (instance.draining) throw unavailableHere()
    const { agents } = this.#options
    const to = { nonce: randomUUID(), tenant, instance: instance.id, agents }
    const reply = await instance.claiming(sessionId, async () => {
      await requestStore.note(instance.id, sessionId)
      const reply = await requestStore.runQueue(sessionId, to)
      this.#begin(sessionId, reply)
      return reply
    })
    return reply.isRunning
  }

  /** The turn of a letter that waited begins here, or for an instance that has its agent. */
  #begin(sessionId: string, { next, isLeft }: { next?: Claim; isLeft?: true }): void {
    if (next !== undefined) this.instance.begin(next)
    if (isLeft === true) this.instance.leave(sessionId)
  }

  /** What a message posted to this session is measured by. */
  async held(sessionId: string, session: SessionRecord | undefined): Promise<Held> {
    const history = () => this.messages(sessionId)
    const turn = session?.state === 'idle' ? undefined : session?.turn
    const lastLog = session?.turn?.logId
    const queued = () => this.requestStore.mailbox(sessionId)
    const isWithdrawn = async (messageId: string) =>
      (await this.requestStore.findLetter(sessionId, messageId))?.as === 'withdrawn'
    const held = {
      history,
      queued,
      isWithdrawn,
      waiting: undefined,
      unfinishedLetter: turn?.letterId,
      lastLog,
    }
    if (session?.state !== 'waiting' || turn === undefined) return held
    return { ...held, waiting: await this.unfinished(sessionId, turn.logId, this.requestStore) }
  }

  /** The message that a log has made so far. */
  async unfinished(
    sessionId: string,
    logId: string,
    store: Pick<Store, 'readLog'> = this.store,
  ): Promise<FoldedMessage> {
    const { message } = await folded(store, sessionId, logId)
    return message
  }

  /** Whether a log can still be read. */
  async holds(sessionId: string, logId: string): Promise<boolean> {
    return (await this.store.readLog(sessionId, logId, undefined, 1)) !== undefined
  }

  /** An answer as far as it was made, also when its log is gone; undefined when it is nowhere. */
  async answered(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    const { message, isWhole } = await folded(this.store, sessionId, logId)
    if (isWhole) return message
    const stored = (await this.store.messages(sessionId)).find(({ id }) => id === logId)
    return stored === undefined ? undefined : foldedMessage(stored)
  }

  /** The history, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]> {
    return this.requestStore.messages(sessionId)
  }

  /** A turn that makes no progress may have lost its owner. False when the store takes nothing. */
  async #lookAfter(sessionId: string): Promise<boolean> {
    try {
      // Who has only readers so far must be heard before it may count others as dead.
      await this.instance.start()
      await this.instance.takeOver(sessionId)
      return this.instance.isServed
    } catch (error) {
      this.#options.report(error)
      return !(error instanceof LoomError && error.code === 'unavailable')
    }
  }
}

/** Reads a log to its end. A log can expire while it is read: then `isWhole` is false. */
async function folded(
  store: Pick<Store, 'readLog'>,
  sessionId: string,
  logId: string,
): Promise<{ message: FoldedMessage; isWhole: boolean }> {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  let after: string | undefined
  for (;;) {
    const page = await store.readLog(sessionId, logId, after, 1000)
    if (page === undefined) return { message: fold.message, isWhole: false }
    if (page.entries.length === 0) return { message: fold.message, isWhole: true }
    for (const event of page.entries.flatMap(({ events }: LogEntry) => events)) fold.add(event)
    after = page.entries.at(-1)?.id
  }
}

/** The store keeps the context, for what follows in the session. */
function withContext(letter: Letter): Letter {
  const { request } = letter
  if (!isLetterRequest(request) || request.context === undefined) return letter
  return { ...letter, context: request.context }
}

const unavailableHere = () =>
  new LoomError('unavailable', 'This instance is going: try again.', {
    retryable: true,
    retryAfterMs: 1000,
  })

/** Before anything is stored: what this instance accepted, it could not answer. */
export const agentElsewhere = (agent: string) =>
  new LoomError(
    'unavailable',
    `This instance does not have the agent "${agent}". Send the request again; another instance may have it.`,
    { retryable: true, retryAfterMs: 1000 },
  )
