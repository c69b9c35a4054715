/**
 * The mailboxes of sessions: what is posted into them, what waits in them, and what stops the turn
 * that answers. Every request waits for the store at most as long as its client waits for a status.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { isFields } from '../ground/fields.ts'
import type { InstanceIndex } from '../store/instances.ts'
import type { Letter, QueueOnStop, WhenBusy } from '../store/letter.ts'
import type { MailboxStore, PostReply, QueueEdit } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'
import type { Claim, TurnStore } from '../store/turn.ts'
import type { Instance } from './instance.ts'
import { type MessageStop, stopMessage } from './stop-message.ts'

/** Where a letter belongs, and how it treats a turn that runs. */
export interface PostRequest {
  tenant: string
  agent: string
  whenBusy: WhenBusy
  /** The messages that a session begins with if the store does not know it. */
  seed?: readonly UIMessage[]
}

/** The number of messages that wait. `held`: none of them is answered before the next post or `runQueue`. */
export interface QueueState {
  queued: number
  held: boolean
}

/** How a turn is stopped. */
export interface StopOptions {
  /** The turn. @defaultValue the one that runs */
  logId?: string
  /**
   * What becomes of the messages that wait. `hold`: none is answered before the next post or `runQueue`.
   * `run` also answers messages that an earlier stop holds, where nothing runs. @defaultValue 'hold'
   */
  queue?: QueueOnStop
}

/** How one message is stopped: by its id, that of its letter, or that of its answer. */
export interface MessageStopOptions {
  messageId: string
  queue: QueueOnStop
}

export interface MailboxesOptions {
  /** The store as requests ask it. */
  store: MailboxStore & TurnStore & SessionReader & InstanceIndex
  instance: Instance
  /** Letters that may wait in a session. */
  mailboxLimit: number
  /** The names of the agents that this instance has. */
  agents: readonly string[]
}

export class Mailboxes {
  readonly #options: MailboxesOptions

  constructor(options: MailboxesOptions) {
    this.#options = options
  }

  /** @throws LoomError `unavailable` */
  async post(
    sessionId: string,
    letter: Letter,
    request: PostRequest & { edit?: QueueEdit },
  ): Promise<PostReply> {
    const { store, instance, mailboxLimit, agents } = this.#options
    await instance.start()
    if (instance.draining) throw unavailableHere()
    if (!agents.includes(request.agent)) throw agentElsewhere(request.agent)
    return instance.claiming(sessionId, async () => {
      // The index first: some instance then looks for every letter that was accepted.
      await store.note(instance.id, sessionId)
      const reply = await store.post(sessionId, withContext(letter), {
        ...request,
        instance: instance.id,
        mailboxLimit,
        agents,
      })
      if (reply.status === 'claimed') instance.begin(reply.claim)
      if (reply.status === 'queued') this.#begin(sessionId, reply)
      return reply
    })
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
    const stopped = await store.requestStop(sessionId, {
      tenant,
      queue,
      ...(logId !== undefined && { logId }),
    })
    if (stopped) instance.endTurn(sessionId, logId, 'stop')
    else if (queue === 'run' && logId === undefined) await this.run(sessionId, tenant)
    return stopped
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
    const { store, instance, agents } = this.#options
    await instance.start()
    if (instance.draining) throw unavailableHere()
    const to = { tenant, instance: instance.id, agents }
    const reply = await instance.claiming(sessionId, async () => {
      await store.note(instance.id, sessionId)
      const reply = await store.runQueue(sessionId, to)
      this.#begin(sessionId, reply)
      return reply
    })
    return reply.isRunning
  }

  /** The turn of a letter that waited begins here, or for an instance that has its agent. */
  #begin(sessionId: string, { next, isLeft }: { next?: Claim; isLeft?: true }): void {
    const { instance } = this.#options
    if (next !== undefined) instance.begin(next)
    if (isLeft === true) instance.leave(sessionId)
  }
}

/**
 * The user messages among letters that wait, each with `queued: true` in its metadata. An edit is not
 * one of them: its message stands in the history.
 */
export const queuedMessages = (letters: readonly Letter[]): UIMessage[] =>
  letters.flatMap(({ message, cutAt }) => {
    if (message === undefined || cutAt !== undefined) return []
    const metadata = isFields(message.metadata) ? message.metadata : {}
    return [{ ...message, metadata: { ...metadata, queued: true } }]
  })

/** The store keeps the context, for the later turns of the session. */
function withContext(letter: Letter): Letter {
  const { context } = letter.request
  return context === undefined ? letter : { ...letter, context }
}

export const unavailableHere = () =>
  new LoomError('unavailable', 'This instance is going: try again.', {
    retryable: true,
    retryAfterMs: 1000,
  })

/** Before anything is stored: this instance could not answer a letter for that agent. */
export const agentElsewhere = (agent: string) =>
  new LoomError(
    'unavailable',
    `This instance does not have the agent "${agent}". Send the request again; another instance may have it.`,
    { retryable: true, retryAfterMs: 1000 },
  )
