/**
 * Conversations that behave like GenServers, as their callers see them: post a letter, follow the
 * answer, stop it, read the state. Whoever runs the turn, here or elsewhere, it is followed through
 * its log; so a caller may come and go, and the turn does not care.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import type { UIMessage } from 'ai'

import { LoomError } from './error.ts'
import { type FoldedMessage, foldedMessage, MessageFold } from './message-fold.ts'
import { isAnswer } from './session/answer-events.ts'
import { idBefore, parseCursor } from './session/entry-id.ts'
import { follow, type FollowOptions } from './session/follow.ts'
import { Instance, type InstanceOptions } from './session/instance.ts'
import type { Answer } from './session/letter-request.ts'
import { newestPart } from './session/newest-part.ts'
import type { Held } from './session/posted.ts'
import { RemoteTails } from './session/remote-tail.ts'
import type { FollowEnd } from './session/tail.ts'
import { entriesOf } from './session/turn-world.ts'
import type { Store } from './store.ts'
import type { Letter, PostReply, WhenBusy } from './store/mailbox.ts'
import type { SessionRecord } from './store/session.ts'
import type { LogEntry } from './store/turn.ts'

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

/** Where an accepted letter's answer is read. */
export interface Answering {
  logId: string
  letterId: string
  /** The entry after which this answer begins; the whole log without it. */
  after: string | undefined
  /** True while the letter waits for its turn, or for the turn that it is steered to. */
  queued: boolean
  /** True for a letter that was posted before: its log may have had its time. */
  repeated: boolean
}

/** What a reader is to be given: entries of `logId` after `after`. */
export interface Place {
  logId: string
  after: string | undefined
  /** Events of the first entry that the reader has already. */
  skip: number
}

const lookAtMostEveryMs = 25

export class Sessions {
  readonly instance: Instance
  readonly #options: SessionsOptions
  readonly #remoteTails: RemoteTails

  constructor(options: SessionsOptions) {
    this.#options = options
    this.instance = new Instance(options)
    const onSilence = (sessionId: string) => this.#lookAfter(sessionId)
    this.#remoteTails = new RemoteTails({ ...options, onSilence })
  }

  get store(): Store {
    return this.#options.store
  }

  /**
   * Accepts a letter: once this returns, it will be answered, whoever dies.
   * @throws LoomError `busy`, `mailbox-full`, `not-found`, `refused`, `unavailable`
   */
  async post(sessionId: string, letter: Letter, request: PostRequest): Promise<Answering> {
    const { instance } = this
    await instance.start()
    if (instance.draining) throw unavailableHere()
    const { mailboxLimit } = this.#options
    const reply = await instance.claiming(sessionId, async () => {
      // Noted first: an accepted letter always has someone who looks for it.
      await this.store.note(instance.id, sessionId)
      const reply = await this.#insistently((nonce) =>
        this.store.post(sessionId, letter, {
          ...request,
          nonce,
          instance: instance.id,
          mailboxLimit,
        }),
      )
      if (reply.status === 'claimed') instance.begin(reply.claim)
      return reply
    })
    return this.#answering(sessionId, letter, reply)
  }

  async #answering(sessionId: string, letter: Letter, reply: PostReply): Promise<Answering> {
    const { id: letterId } = letter
    switch (reply.status) {
      case 'claimed': {
        const { logId, lastId, resumed } = reply.claim
        return {
          logId,
          letterId,
          after: resumed ? lastId : undefined,
          queued: false,
          repeated: false,
        }
      }
      case 'queued':
        return { logId: letter.replyId, letterId, after: undefined, queued: true, repeated: false }
      case 'known':
        return this.#known(sessionId, letter, reply)
      case 'busy':
        throw new LoomError('busy', 'The session is busy with another message.')
      case 'full':
        throw new LoomError('mailbox-full', 'Too many messages wait in this session.', {
          retryable: true,
          retryAfterMs: 1000,
        })
      case 'foreign':
        throw new LoomError('not-found', 'There is no such session.')
      case 'refused':
        throw new LoomError(
          'refused',
          letter.kind === 'answer'
            ? 'Nothing in this session waits for that.'
            : 'There is no such message in this session.',
        )
    }
  }

  /** The same letter again: the same answer. */
  async #known(
    sessionId: string,
    letter: Letter,
    reply: PostReply & { status: 'known' },
  ): Promise<Answering> {
    if (reply.as === 'withdrawn' || reply.as === 'cut' || reply.replyId === '') {
      throw withdrawn()
    }
    const { replyId: logId } = reply
    const answers = Array.isArray(letter.answer) ? letter.answer.filter(isAnswer) : []
    const after =
      letter.kind === 'answer' ? (await this.lastPart(sessionId, logId, answers))?.after : undefined
    const queued = reply.as === 'queued'
    return { logId, letterId: letter.id, after, queued, repeated: true }
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
   * @returns the log that answers it
   * @throws LoomError `refused` when it was withdrawn or cut meanwhile
   */
  async begun(sessionId: string, letterId: string, signal: AbortSignal): Promise<string> {
    let hint = Promise.withResolvers<void>()
    let takenAt = performance.now()
    const unwatch = await this.store.watch(sessionId, 'log', () => hint.resolve())
    try {
      for (;;) {
        signal.throwIfAborted()
        const place = await this.store.findLetter(sessionId, letterId)
        if (place?.as === 'done') return place.replyId
        if (place?.as !== 'queued') throw withdrawn()
        await Promise.race([hint.promise, delay(this.#options.pollMs, undefined, { signal })])
        // The turn that runs gives a hint with every word.
        await delay(lookAtMostEveryMs, undefined, { signal })
        hint = Promise.withResolvers<void>()
        if (await this.#lookAfter(sessionId)) takenAt = performance.now()
        else if (performance.now() - takenAt > this.#options.patienceMs) throw storeIsFull()
      }
    } finally {
      unwatch()
    }
  }

  /**
   * Where a reader that comes back goes on. Without a cursor: the start of the unfinished message.
   * @returns undefined when there is nothing to read
   * @throws LoomError `gone` when the log no longer holds the cursor
   */
  async placeOf(sessionId: string, cursor: string | undefined): Promise<Place | undefined> {
    if (cursor !== undefined) return this.#placeAt(sessionId, cursor)
    const session = await this.store.session(sessionId)
    const isOpen = session?.state === 'running' || session?.state === 'waiting'
    if (!isOpen || session.turn === undefined) return undefined
    return { logId: session.turn.logId, after: undefined, skip: 0 }
  }

  async #placeAt(sessionId: string, cursor: string): Promise<Place> {
    const { entryId, index } = parseCursor(cursor)
    const logId = await this.store.findLog(sessionId, entryId)
    const after = idBefore(entryId)
    const page =
      logId === undefined ? undefined : await this.store.readLog(sessionId, logId, after, 1)
    const [entry] = page?.entries ?? []
    if (logId === undefined || entry?.id !== entryId || index >= entry.events.length) {
      throw new LoomError(
        'gone',
        'The stream no longer holds that place: load the messages instead.',
      )
    }
    return { logId, after, skip: index + 1 }
  }

  /** Where the newest part of a message begins; see `newestPart`. */
  async lastPart(
    sessionId: string,
    messageId: string,
    answers: readonly Answer[],
  ): Promise<Place | undefined> {
    return newestPart(messageId, await entriesOf(this.store, sessionId, messageId), answers)
  }

  /** Stops the running turn, wherever it runs. False when none runs. */
  async stop(sessionId: string, tenant: string, logId?: string): Promise<boolean> {
    const stopped = await this.#insistently((nonce) =>
      this.store.requestStop(sessionId, { nonce, tenant, ...(logId !== undefined && { logId }) }),
    )
    if (stopped) this.instance.endTurn(sessionId, logId, 'stop')
    return stopped
  }

  /** What a message posted to this session is measured by. */
  async held(sessionId: string, session: SessionRecord | undefined): Promise<Held> {
    const history = () => this.store.messages(sessionId)
    const turn = session?.state === 'idle' ? undefined : session?.turn
    const held = { history, waiting: undefined, unfinishedLetter: turn?.letterId }
    if (session?.state !== 'waiting' || turn === undefined) return held
    return { ...held, waiting: await this.unfinished(sessionId, turn.logId) }
  }

  /** The message that a log has made so far. */
  async unfinished(sessionId: string, logId: string): Promise<FoldedMessage> {
    const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
    let after: string | undefined
    for (;;) {
      const page = await this.store.readLog(sessionId, logId, after, 1000)
      if (page === undefined || page.entries.length === 0) return fold.message
      for (const event of page.entries.flatMap(({ events }: LogEntry) => events)) fold.add(event)
      after = page.entries.at(-1)?.id
    }
  }

  /** Whether a log can still be read. */
  async holds(sessionId: string, logId: string): Promise<boolean> {
    return (await this.store.readLog(sessionId, logId, undefined, 1)) !== undefined
  }

  /** An answer as far as it was made, also when its log is gone; undefined when it is nowhere. */
  async answered(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    if (await this.holds(sessionId, logId)) return this.unfinished(sessionId, logId)
    const stored = (await this.messages(sessionId)).find(({ id }) => id === logId)
    return stored === undefined ? undefined : foldedMessage(stored)
  }

  /** The history, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]> {
    return this.store.messages(sessionId)
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

  /** A call whose fate is unknown is made again with the same nonce, and so happens once. */
  async #insistently<VALUE>(call: (nonce: string) => Promise<VALUE>): Promise<VALUE> {
    const nonce = randomUUID()
    try {
      return await call(nonce)
    } catch (error) {
      if (!(error instanceof LoomError) || error.code !== 'unavailable') throw error
      return call(nonce)
    }
  }
}

const withdrawn = () =>
  new LoomError('refused', 'This message was withdrawn or cut from the conversation.')

const unavailableHere = () =>
  new LoomError('unavailable', 'This instance is going: try again.', {
    retryable: true,
    retryAfterMs: 1000,
  })

const storeIsFull = () =>
  new LoomError('unavailable', 'The store takes nothing now: try again with the same id.', {
    retryable: true,
    retryAfterMs: 1000,
  })
