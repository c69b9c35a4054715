/**
 * Readers of sessions: of the log of one message, or of all messages one after the other. The turn may
 * run on any instance. A reader gets only events that the log has.
 */
import type { UIMessage } from 'ai'

import type { HintSource } from '../store/hint.ts'
import type { Answer } from '../store/letter.ts'
import type { LogEntry, LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { ReaderFloor, TurnStore } from '../store/turn.ts'
import type { Instance } from './instance.ts'
import type { LocalTails } from './local-tail.ts'
import { follow, type FollowOptions } from './log-follower.ts'
import { queuedMessages } from './mailboxes.ts'
import { type NewestPart, newestPart } from './newest-part.ts'
import { type NextInSession, type NextOptions, waitForNext } from './next-message.ts'
import { type Place, placeOfUnfinished, sessionGone } from './place.ts'
import { QueuedLetters } from './queued-letters.ts'
import { letterWithdrawn, type Receipt } from './receipt.ts'
import { RemoteTails } from './remote-tails.ts'
import { restoredPlace } from './restored-place.ts'
import type { ReadTo } from './session-places.ts'
import type { FollowEnd } from './tail-reader.ts'
import { entriesOf } from './turn-world.ts'

/** The receipt of a letter whose turn has not begun. */
export type QueuedLetter = Pick<Receipt, 'letterId' | 'logId' | 'answers'>

/** The place from which a log is followed, and its reader. */
export interface LogFollow extends Pick<
  FollowOptions,
  'sessionId' | 'logId' | 'after' | 'signal' | 'deliver'
> {
  /** The profile of the reader, which the store notes first. Absent if the reader shows nothing of the log. */
  floor?: ReaderFloor
}

export interface ReadersOptions {
  store: MailboxStore & TurnStore & LogReader & SessionReader & HintSource
  /** The store with the patience of a request, `requestPatienceMs`. */
  requestStore: LogReader & SessionReader
  requestPatienceMs: number
  tails: LocalTails
  /** The longest wait of a follower for a hint before it reads the store, in milliseconds. */
  pollMs: number
  /** The longest wait of the reader of a queued letter for a store that accepts no writes, in milliseconds. */
  patienceMs: number
  instance: Instance
}

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

  /** Follows a log to its end; see `log-follower.ts`. */
  async follow({ floor, ...at }: LogFollow): Promise<FollowEnd> {
    const { store, tails, instance } = this.#options
    if (floor !== undefined) await store.noteReader(at.sessionId, at.logId, floor)
    const onSilence = () => void instance.lookAfter(at.sessionId)
    return follow({ ...at, store, tails, remoteTails: this.#remoteTails, onSilence })
  }

  /**
   * Waits until the turn of a queued letter has begun, or the running turn has taken the letter.
   * @returns the start of its answer. If another client answered the same calls first, it is the start of
   * the part after the answers of that client.
   * @throws LoomError `refused` if the letter was withdrawn or cut meanwhile
   */
  async placeOfLetter(
    sessionId: string,
    { letterId, logId, answers }: QueuedLetter,
    signal: AbortSignal,
  ): Promise<Place> {
    const place = await this.#queuedLetters.departure(sessionId, letterId, signal)
    if (place?.as === 'done') return this.#answerPlace(sessionId, place.replyId, answers)
    if (place?.as === 'cut' && answers.length > 0) {
      const part = await this.lastPart(sessionId, logId, answers)
      if (part?.as === 'settled') return part.place
    }
    throw letterWithdrawn()
  }

  /** A message is answered by a whole log. After answers to calls, the client needs only the next part. */
  async #answerPlace(sessionId: string, logId: string, answers: readonly Answer[]): Promise<Place> {
    const part = answers.length > 0 ? await this.lastPart(sessionId, logId, answers) : undefined
    return part?.place ?? { logId, after: undefined, skip: 0 }
  }

  /** Waits for the next message of a reader of the whole session; see `waitForNext`. */
  next(
    sessionId: string,
    readTo: ReadTo | undefined,
    options: NextOptions,
  ): Promise<NextInSession | undefined> {
    return waitForNext(this.#options, { sessionId, readTo }, options)
  }

  /**
   * Returns the place at which a returning reader continues. Without a cursor: the start of the unfinished
   * message. Returns undefined if there is nothing to read.
   * @throws LoomError `gone` if no log has the place of the cursor any more; `unavailable` if a failover
   * lost the place and the owner of the turn did not restore it within 5 seconds
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

  /** Returns all entries that a log has now. A log that has expired has none. */
  entries(sessionId: string, logId: string): Promise<LogEntry[]> {
    return entriesOf(this.#options.requestStore, sessionId, logId)
  }

  /** Finds the part of a message that follows these answers; see `newestPart`. */
  async lastPart(
    sessionId: string,
    messageId: string,
    answers: readonly Answer[],
  ): Promise<NewestPart | undefined> {
    return newestPart(messageId, await this.entries(sessionId, messageId), answers)
  }

  /** Returns the log of the last turn and its last entry. A new reader does not read the entries before it. */
  async lastRead(sessionId: string): Promise<ReadTo | undefined> {
    const turn = (await this.#options.store.session(sessionId))?.turn
    return turn === undefined ? undefined : { logId: turn.logId, after: turn.lastId }
  }

  /** Returns the user messages in the queue (see `queuedMessages`), and whether a stop holds them. */
  async queueOf(sessionId: string): Promise<{ messages: UIMessage[]; held: boolean }> {
    const { store } = this.#options
    const messages = queuedMessages(await store.mailbox(sessionId))
    return { messages, held: (await store.session(sessionId))?.held ?? false }
  }

  /**
   * Checks the session of a log that is gone. If the session still has this message, its log may come
   * back, and the reader finds it again.
   * @throws LoomError `gone` if the session was deleted, has expired, or is a new one with the same id
   */
  async checkMessage(sessionId: string, logId: string): Promise<void> {
    const session = await this.#options.store.session(sessionId)
    if (session?.turn?.logId !== logId) throw sessionGone()
  }

  /** @throws LoomError `gone` if the session with this time of creation does not exist any more */
  async checkCreation(sessionId: string, createdAt: number | undefined): Promise<void> {
    const session = await this.#options.store.session(sessionId)
    if (session?.createdAt !== createdAt) throw sessionGone()
  }
}

/** Whether the session makes no more answers before the next post. */
export function isAtRest(session: SessionRecord | undefined): boolean {
  const hasNext = session !== undefined && session.queued > 0 && session.held !== true
  return session?.state !== 'running' && !hasNext
}
