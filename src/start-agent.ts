/**
 * A conversation with an agent in code, as LoomEx's `start_agent`, `call` and `get_messages`: it has
 * a mailbox, runs one turn at a time, and outlives its caller as far as its store does.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import { LoomError } from './error.ts'
import type { AgentEvent } from './event.ts'
import { type FoldedMessage, textOf } from './message-fold.ts'
import { digest } from './session/posted.ts'
import type { Answering, Sessions } from './sessions.ts'
import { openEventQueue } from './sink/queue.ts'
import type { WhenBusy } from './store/mailbox.ts'

export interface AgentSessionOptions {
  /** @defaultValue a new one */
  id?: string
  sessions: Sessions
}

export interface SendOptions {
  /** Ends the waiting, not the turn. */
  signal?: AbortSignal
  /** @defaultValue 'queue' */
  whenBusy?: WhenBusy
}

export interface CallReply {
  text: string
  message: FoldedMessage
  /** `waiting`: for a client-side tool or an approval. */
  state: 'idle' | 'running' | 'waiting'
}

/** The client side of one session. It holds no state: another process may hold the same. */
export class AgentSession {
  readonly id: string
  readonly #agent: Agent
  readonly #sessions: Sessions

  constructor(agent: Agent, { id = randomUUID(), sessions }: AgentSessionOptions) {
    this.id = id
    this.#agent = agent
    this.#sessions = sessions
  }

  /** Sends a message and waits for the answer. Ending the wait leaves the work running. */
  async call(message: string | UIMessage, options: SendOptions = {}): Promise<CallReply> {
    const answering = await this.#post(message, options)
    let failure: string | undefined
    await this.#follow(answering, options.signal, (event) => {
      if (event.type === 'error') failure = event.errorText
    })
    if (failure !== undefined) throw new LoomError('model-failed', failure)
    const answer = await this.#sessions.unfinished(this.id, answering.logId)
    const session = await this.#sessions.store.session(this.id)
    const text = textOf(answer)
    return { text, message: answer, state: session?.state ?? 'idle' }
  }

  /** Sends a message and returns once it is durably accepted. @returns its id */
  async cast(message: string | UIMessage, options: SendOptions = {}): Promise<string> {
    return (await this.#post(message, options)).letterId
  }

  /** Sends a message and gives the events of its answer as they happen. */
  async *stream(
    message: string | UIMessage,
    options: SendOptions = {},
  ): AsyncGenerator<AgentEvent, void> {
    const answering = await this.#post(message, options)
    const queue = openEventQueue()
    const leaving = new AbortController()
    const signal =
      options.signal === undefined
        ? leaving.signal
        : AbortSignal.any([options.signal, leaving.signal])
    this.#follow(answering, signal, queue.sink).then(
      () => queue.end(),
      (reason: unknown) => queue.end({ reason }),
    )
    try {
      yield* queue.events
    } finally {
      leaving.abort()
    }
  }

  /** Stops the running turn. What it said is kept. False when none runs. */
  stop(): Promise<boolean> {
    return this.#sessions.stop(this.id, '')
  }

  /** The history, also while a turn runs. */
  messages(): Promise<UIMessage[]> {
    return this.#sessions.messages(this.id)
  }

  #post(message: string | UIMessage, { whenBusy = 'queue' }: SendOptions): Promise<Answering> {
    const sent: UIMessage =
      typeof message === 'string'
        ? { id: randomUUID(), role: 'user', parts: [{ type: 'text', text: message }] }
        : message
    const letter = {
      id: sent.id,
      kind: 'message' as const,
      message: sent,
      replyId: `reply-${digest([this.id, sent.id])}`,
      request: { agent: this.#agent.name },
    }
    return this.#sessions.post(this.id, letter, { tenant: '', agent: this.#agent.name, whenBusy })
  }

  async #follow(
    { logId, letterId, after, queued }: Answering,
    signal: AbortSignal = new AbortController().signal,
    sink: (event: AgentEvent) => void | Promise<void>,
  ): Promise<void> {
    if (queued) await this.#sessions.begun(this.id, letterId, signal)
    const deliver = async ({ events }: { events: readonly AgentEvent[] }) => {
      for (const event of events) await sink(event)
    }
    await this.#sessions.follow({ sessionId: this.id, logId, after, signal, deliver })
  }
}
