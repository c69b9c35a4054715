/**
 * Readers of sessions: of one message's log, or of all messages one after the other. The turn may run
 * on any instance; a reader sees only what its log has.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { UIMessage } from 'ai'

import type { HintSource } from '../store/hint.ts'
import type { Answer } from '../store/letter.ts'
import type { LogEntry, LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { ReaderFloor, TurnStore } from '../store/turn.ts'
import { type Answering, withdrawn } from './answering.ts'
import { follow, type FollowOptions } from './follow.ts'
import type { Instance } from './instance.ts'
import type { LocalTails } from './local-tail.ts'
import { queuedMessages, unavailableHere } from './mailboxes.ts'
import { type NewestPart, newestPart } from './newest-part.ts'
import { type Place, placeOfUnfinished, sessionGone } from './place.ts'
import { QueuedLetters } from './queued-letters.ts'
import { RemoteTails } from './remote-tail.ts'
import { restoredPlace } from './restored-place.ts'
import { type NextMessage, nextMessage, type ReadTo } from './session-places.ts'
import type { FollowEnd } from './tail.ts'
import { entriesOf } from './turn-world.ts'

/** Whether a reader that has read all of a session is to end. */
export type IdleCheck = (session: SessionRecord | undefined) => boolean | Promise<boolean>

/** How a reader of the whole session waits for the next message. */
export interface NextOptions {
  signal: AbortSignal
  /** Called before each wait, with the session as it is; when it returns true the wait ends. */
  onIdle: IdleCheck
  /** Of the session that the reader reads, if it has seen it. */
  createdAt: number | undefined
}

/** The next message of a session; `createdAt` is the session's. */
export type NextInSession = NextMessage & Pick<SessionRecord, 'createdAt'>

/** A letter whose turn has not begun, as `post` returned it. */
export type QueuedLetter = Pick<Answering, 'letterId' | 'logId' | 'answers'>

/** Where and how a log is followed. */
export interface LogFollow extends Pick<
  FollowOptions,
  'sessionId' | 'logId' | 'after' | 'signal' | 'deliver'
> {
  /** The profile of the reader, which the store notes first. Absent where it shows nothing of the log. */
  floor?: ReaderFloor
}

export interface ReadersOptions {
  store: MailboxStore & TurnStore & LogReader & SessionReader & HintSource
  /** The store as requests ask it: it is waited for `requestPatienceMs`. */
  requestStore: LogReader & SessionReader
  requestPatienceMs: number
  tails: LocalTails
  /** How long a follower waits for a hint before it looks by itself, in milliseconds. */
  pollMs: number
  /** How long a queued letter's reader waits for a store that takes nothing, in milliseconds. */
  patienceMs: number
  instance: Instance
}

const lookAtMostEveryMs = 25

export class Readers {
  readonly #options: ReadersOptions
  readonly #remoteTails: RemoteTails
  readonly #queuedLetters: QueuedLetters

  constructor(options: ReadersOptions) {
    this.#options = options
    const lookAfter = (sessionId: string) => options.instance.lookAfter(sessionId)
    this.#remoteTails = new RemoteTails({ ...options, onSilence: lookAfter })
    this.#queuedLetters = new QueuedLetters({ ...options, lookAfter })
  }

  /** Follows a log to its end; see `follow`. */
  async follow({ floor, ...at }: LogFollow): Promise<FollowEnd> {
    const { store, tails, instance } = this.#options
    if (floor !== undefined) await store.noteReader(at.sessionId, at.logId, floor)
    const onSilence = () => void instance.lookAfter(at.sessionId)
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
    { letterId, logId, answers }: QueuedLetter,
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

  /** A message's answer is all of its log; answers continue a log that the client has the beginning of. */
  async #answerPlace(sessionId: string, logId: string, answers: readonly Answer[]): Promise<Place> {
    const part = answers.length > 0 ? await this.lastPart(sessionId, logId, answers) : undefined
    return part?.place ?? { logId, after: undefined, skip: 0 }
  }

  /**
   * What a reader of the whole session reads next; waits until there is something.
   * @returns undefined where `onIdle` ended the wait
   * @throws LoomError `unavailable` where this instance is going; `gone` where that session is not there
   * any more, also when its id began anew
   */
  async next(
    sessionId: string,
    readTo: ReadTo | undefined,
    options: NextOptions,
  ): Promise<NextInSession | undefined> {
    const { store, pollMs, instance } = this.#options
    const { signal, onIdle } = options
    let { createdAt } = options
    let hint = Promise.withResolvers<void>()
    const unwatch = await store.watch(sessionId, 'log', () => hint.resolve())
    try {
      for (;;) {
        signal.throwIfAborted()
        if (instance.draining) throw unavailableHere()
        // A hint from here on may be newer than this look.
        hint = Promise.withResolvers()
        const session = await store.session(sessionId)
        createdAt ??= session?.createdAt
        if (session?.createdAt !== createdAt) throw sessionGone()
        const found = session && (await nextMessage(store, session, readTo))
        if (session !== undefined && found !== undefined)
          return { ...found, createdAt: session.createdAt }
        if (await onIdle(session)) return undefined
        await Promise.race([hint.promise, delay(pollMs, undefined, { signal })])
        await delay(lookAtMostEveryMs, undefined, { signal })
        if (session?.state === 'running') await instance.lookAfter(sessionId)
      }
    } finally {
      unwatch()
    }
  }

  /**
   * Where a reader that comes back goes on. Without a cursor: the start of the unfinished message.
   * @returns undefined when there is nothing to read
   * @throws LoomError `gone` when no log holds the cursor's place any more; `unavailable` when a failover
   * lost it, and the turn's owner, which has it, did not restore it within 5 s
   */
  placeOf(sessionId: string, cursor: string | undefined): Promise<Place | undefined> {
    const { store, pollMs, requestPatienceMs, instance } = this.#options
    return cursor === undefined
      ? placeOfUnfinished(store, sessionId)
      : restoredPlace({
          store,
          sessionId,
          cursor,
          pollMs,
          waitMs: requestPatienceMs,
          onMissing: () => void instance.lookAfter(sessionId),
        })
  }

  /** All that a log holds now; nothing where it is gone. */
  entries(sessionId: string, logId: string): Promise<LogEntry[]> {
    return entriesOf(this.#options.requestStore, sessionId, logId)
  }

  /** Where the part of a message begins that follows these answers; see `newestPart`. */
  async lastPart(
    sessionId: string,
    messageId: string,
    answers: readonly Answer[],
  ): Promise<NewestPart | undefined> {
    return newestPart(messageId, await this.entries(sessionId, messageId), answers)
  }

  /** The last turn's log and its last entry: what was there before a reader came. */
  async lastRead(sessionId: string): Promise<ReadTo | undefined> {
    const turn = (await this.#options.store.session(sessionId))?.turn
    return turn === undefined ? undefined : { logId: turn.logId, after: turn.lastId }
  }

  /** The user messages that wait (see `queuedMessages`), and whether a stop holds them. */
  async waiting(sessionId: string): Promise<{ messages: UIMessage[]; held: boolean }> {
    const { store } = this.#options
    const messages = queuedMessages(await store.mailbox(sessionId))
    return { messages, held: (await store.session(sessionId))?.held ?? false }
  }

  /** @throws LoomError `gone` where the session that was made then is not there any more */
  async checkHeld(sessionId: string, createdAt: number | undefined): Promise<void> {
    const session = await this.#options.store.session(sessionId)
    if (session?.createdAt !== createdAt) throw sessionGone()
  }
}

/** Whether a session that nobody posts to will answer nothing more by itself. */
export function isAtRest(session: SessionRecord | undefined): boolean {
  const goesOn = session !== undefined && session.queued > 0 && session.held !== true
  return session?.state !== 'running' && !goesOn
}
