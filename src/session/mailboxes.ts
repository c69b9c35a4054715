/**
 * The mailboxes of sessions: posts, the letters in the queue, and stops. Every request waits for the store
 * at most as long as its client waits for a status.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { isFields } from '../ground/fields.ts'
import { weightOf } from '../ground/json/weight.ts'
import { currentTrace, type TraceHeaders } from '../ground/trace.ts'
import type { InstanceIndex } from '../store/instances.ts'
import type { Letter, QueueOnStop, WhenBusy } from '../store/letter.ts'
import type { MailboxStore, PostReply, QueueEdit } from '../store/mailbox.ts'
import type { Author } from '../store/member.ts'
import type { SessionReader } from '../store/session.ts'
import type { Claim, TurnStore } from '../store/turn.ts'
import type { Instance } from './instance.ts'
import { type MessageStop, stopMessage } from './stop-message.ts'
import type { StorageQuota } from './storage-limits.ts'
import { type TurnMeter } from './turn-meter.ts'

/** The tenant and the agent of a letter, and its effect on a turn that runs. */
export interface PostRequest extends Author {
  /** The tenant to whom the session belongs; '' without authentication. */
  tenant: string
  /** The name of the agent that answers. */
  agent: string
  /** The effect of the letter on a turn that runs. */
  whenBusy: WhenBusy
  /** The first messages of the session if the store does not have it yet. Absent if there are none. */
  seed?: readonly UIMessage[]
}

/** The number of messages in the queue. `held`: none of them is answered before the next post or `runQueue`. */
export interface QueueState {
  /** The number of messages that wait. */
  queued: number
  /** Whether a stop holds the messages. */
  held: boolean
}

/** The options of a stop of a turn. */
export interface StopOptions {
  /** The id of the turn's log. @defaultValue the turn that runs */
  logId?: string
  /**
   * The effect on the messages in the queue. `hold`: none is answered before the next post or `runQueue`.
   * `run` also answers messages that an earlier stop holds, if no turn runs. @defaultValue 'hold'
   */
  queue?: QueueOnStop
}

/** The options of a stop of one message. */
export interface MessageStopOptions {
  /** The id of the message, of its letter, or of its answer. */
  messageId: string
  /** The effect on the other messages that wait. */
  queue: QueueOnStop
}

export interface MailboxesOptions {
  /** The store with the patience of a request. */
  store: MailboxStore & TurnStore & SessionReader & InstanceIndex
  instance: Instance
  /** The maximum number of letters in the queue of a session. */
  mailboxLimit: number
  /** The maximum size of the letters in the queue of a session, in bytes. */
  mailboxBytesMax: number
  /** The names of the agents that this instance has now. */
  agentNames: () => readonly string[]
  /** Counts the turns of principals. Undefined without limits. */
  meter: TurnMeter | undefined
  /** Limits what principals store. Undefined without limits. */
  storage: StorageQuota | undefined
}

export class Mailboxes {
  readonly #options: MailboxesOptions

  constructor(options: MailboxesOptions) {
    this.#options = options
  }

  /**
   * @param isOfTurn true for a letter of a tree of tasks
   * @param isPatient true for a caller that posts again later: if this instance has no place for the turn of the
   * letter, the reply is `full`
   * @throws LoomError `unavailable`, also if this instance has no place for the turn of the letter
   */
  async post(
    sessionId: string,
    letter: Letter,
    request: PostRequest & {
      edit?: QueueEdit
      isResult?: boolean
      beginsNone?: boolean
      mailboxLimit?: number
    },
    { isOfTurn = false, isPatient = false }: { isOfTurn?: boolean; isPatient?: boolean } = {},
  ): Promise<PostReply> {
    const { store, instance, mailboxLimit, mailboxBytesMax, agentNames } = this.#options
    await instance.start()
    // A turn that ends here before the shutdown may still start tasks.
    if (isOfTurn ? instance.isLeaving : instance.isDraining) throw shuttingDown()
    const agents = agentNames()
    if (!agents.includes(request.agent)) throw missingAgent(request.agent, agents)
    // A turn that runs may wait for a task, and a message for its answer: they wait for no place.
    const isAdmitted = isOfTurn || letter.kind === 'answer'
    // Later, other code may run. A schedule posts long after the request that made it.
    const trace = isOfTurn || isPatient ? {} : currentTrace()
    let endReservation: (() => void) | undefined
    try {
      if (!isAdmitted) endReservation = await this.#reserve(letter, request)
    } catch (error) {
      if (!(await this.#beginsNoTurn(sessionId, letter.id))) {
        if (isPatient && isRefusal(error)) return { status: 'full' }
        throw error
      }
    }
    try {
      // Last, because it keeps a place for a new session, which a later refusal would waste. An answer to a call ends a
      // message that waits.
      if (!isAdmitted) await this.#checkStorage(sessionId, letter, request)
    } catch (error) {
      if ((await store.findLetter(sessionId, letter.id)) === undefined) {
        endReservation?.()
        if (isPatient && isRefusal(error)) return { status: 'full' }
        throw error
      }
    }
    const reply = instance.withClaim(sessionId, async () => {
      // The index first, so that some instance finds every accepted letter.
      await store.note(instance.id, sessionId)
      const reply = await store.post(sessionId, asPosted(letter, trace), {
        mailboxLimit,
        mailboxBytesMax,
        ...request,
        instance: instance.id,
        agents,
      })
      if (reply.status === 'claimed') instance.begin(reply.claim)
      if (reply.status === 'queued') this.#begin(sessionId, reply)
      return reply
    })
    return reply.finally(endReservation)
  }

  /**
   * Reserves a place on this instance, and a turn of the sender. Resolves with the function that ends both.
   * @throws LoomError `unavailable`, `limited`
   */
  async #reserve(
    { request: { subject } }: Letter,
    { tenant }: Pick<PostRequest, 'tenant'>,
  ): Promise<() => void> {
    const { instance, meter } = this.#options
    const endPlace = instance.admit()
    if (endPlace === undefined) throw fullInstance()
    if (meter === undefined) return endPlace
    try {
      const endCount = await meter.reserve({ tenant, ...(subject !== undefined && { subject }) })
      return () => {
        endPlace()
        endCount()
      }
    } catch (error) {
      endPlace()
      throw error
    }
  }

  /** @throws LoomError `limited` */
  async #checkStorage(
    sessionId: string,
    { message, request: { subject } }: Letter,
    { tenant }: Pick<PostRequest, 'tenant'>,
  ): Promise<void> {
    const { storage } = this.#options
    if (storage === undefined) return
    const sender = { tenant, ...(subject !== undefined && { subject }) }
    await storage.admit(sessionId, { sender, bytes: weightOf(message, Infinity) })
  }

  /** Whether the letter joins the queue of a turn that runs, or was posted before. */
  async #beginsNoTurn(sessionId: string, letterId: string): Promise<boolean> {
    const { store } = this.#options
    if ((await store.session(sessionId))?.state === 'running') return true
    return (await store.findLetter(sessionId, letterId)) !== undefined
  }

  /** Adds a session to the index of this instance. @throws LoomError `unavailable` */
  async note(sessionId: string): Promise<void> {
    const { store, instance } = this.#options
    await instance.start()
    await store.note(instance.id, sessionId)
  }

  async forget(sessionId: string): Promise<void> {
    const { store, instance } = this.#options
    await store.forget(instance.id, [sessionId])
  }

  letters(sessionId: string): Promise<Letter[]> {
    return this.#options.store.mailbox(sessionId)
  }

  async state(sessionId: string): Promise<QueueState> {
    const { queued = 0, held = false } = (await this.#options.store.session(sessionId)) ?? {}
    return { queued, held }
  }

  withdraw(sessionId: string, tenant: string, letterId: string): Promise<boolean> {
    return this.#options.store.withdraw(sessionId, letterId, { tenant })
  }

  async stop(
    sessionId: string,
    tenant: string,
    { logId, queue = 'hold' }: StopOptions,
  ): Promise<boolean> {
    const { store, instance } = this.#options
    const isStopped = await store.requestStop(sessionId, {
      tenant,
      queue,
      ...(logId !== undefined && { logId }),
    })
    if (isStopped) instance.endTurn(sessionId, logId, 'stop')
    else if (queue === 'run' && logId === undefined) await this.run(sessionId, tenant)
    return isStopped
  }

  stopMessage(
    sessionId: string,
    tenant: string,
    { messageId, queue }: MessageStopOptions,
  ): Promise<MessageStop> {
    const stopTurn = (logId: string) => this.stop(sessionId, tenant, { logId, queue })
    return stopMessage(this.#options.store, { sessionId, tenant, messageId }, stopTurn)
  }

  /** @throws LoomError `unavailable` */
  async run(sessionId: string, tenant: string): Promise<boolean> {
    const { store, instance, agentNames } = this.#options
    await instance.start()
    if (instance.isDraining) throw shuttingDown()
    const endReservation = instance.admit()
    // The first letter then begins its turn on the first instance that has a place.
    const agents = endReservation === undefined ? [] : agentNames()
    const to = { tenant, instance: instance.id, agents }
    const reply = instance.withClaim(sessionId, async () => {
      await store.note(instance.id, sessionId)
      const reply = await store.runQueue(sessionId, to)
      this.#begin(sessionId, reply)
      return reply
    })
    return (await reply.finally(endReservation)).isRunning
  }

  /** Begins the turn of a letter from the queue here, or passes it on to an instance with its agent. */
  #begin(sessionId: string, { next, isLeft }: { next?: Claim; isLeft?: true }): void {
    const { instance } = this.#options
    if (next !== undefined) instance.begin(next)
    if (isLeft === true) instance.passOn(sessionId)
  }
}

/**
 * The user messages of the letters in a queue, each with `queued: true` in its metadata. Edits of a message
 * in the history are left out, because the history has their message.
 */
export const queuedMessages = (letters: readonly Letter[]): UIMessage[] =>
  letters.flatMap(({ message, cutAt }) => {
    if (message === undefined || cutAt !== undefined) return []
    const metadata = isFields(message.metadata) ? message.metadata : {}
    return [{ ...message, metadata: { ...metadata, queued: true } }]
  })

/**
 * Notes the time and the trace of the post, and copies the context to the letter, where the store reads it and
 * keeps it for later turns.
 */
function asPosted({ request, ...letter }: Letter, trace: TraceHeaders): Letter {
  const { context = request.context } = letter
  return {
    ...letter,
    request: { ...request, postedAt: Date.now(), ...trace },
    ...(context !== undefined && { context }),
  }
}

export const shuttingDown = () =>
  new LoomError(
    'unavailable',
    'This instance takes no messages now: it is shutting down or drained. Send the request again; another instance will accept it.',
    { retryable: true, retryAfterMs: 1000 },
  )

const isRefusal = (error: unknown): boolean =>
  error instanceof LoomError && (error.code === 'limited' || error.code === 'unavailable')

/** The refusal of a message that would begin one turn too many. Nothing is stored. */
const fullInstance = () =>
  new LoomError(
    'unavailable',
    'This instance runs as many answers at once as it may. Send the request again with the same ids; another instance may have a place.',
    { retryable: true, retryAfterMs: 1000 },
  )

/**
 * The refusal of a letter for an agent that this instance does not have. Nothing is stored.
 * @param others the names of the agents that it has. A session may go on with one of them, for example after
 * its own was renamed.
 */
export function missingAgent(agent: string, others: readonly string[]): LoomError {
  const advice = others.length === 0 ? '' : ` Or name another agent: ${others.join(', ')}.`
  return new LoomError(
    'unavailable',
    `This instance does not have the agent "${agent}". Send the request again; another instance may have it.${advice}`,
    { retryable: true, retryAfterMs: 1000 },
  )
}
