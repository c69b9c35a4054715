/**
 * A conversation with an agent in code, as LoomEx's `start_agent`, `call` and `get_messages`: it has
 * a mailbox, runs one turn at a time, and outlives its caller as far as its store does.
 */
import { randomUUID } from 'node:crypto'

import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import { type FoldedMessage, textOf } from './message-fold.ts'
import type { Answering } from './session/answering.ts'
import { contentDigest, digest } from './session/posted.ts'
import type { Sessions } from './sessions.ts'
import { openEventQueue } from './sink/queue.ts'
import type { QueueOnStop, WhenBusy } from './store/letter.ts'
import type { SessionState } from './store/session.ts'
import { idLengthMax, isSessionId } from './wire/conversation.ts'

/** What holds the sessions of a process: a `Loom`. */
export interface SessionHost {
  readonly sessions: Sessions
  /** Hands running turns to whoever shares the store, and closes the store. */
  close: () => Promise<void>
}

export interface AgentSessionOptions {
  /** Names the conversation in the store. @defaultValue a new one */
  id?: string
  loom: SessionHost
}

/** How a message is sent. */
export interface SendOptions {
  /** Ends the waiting, not the turn. */
  signal?: AbortSignal
  /** What a message does to the turn that runs. @defaultValue 'queue' */
  whenBusy?: WhenBusy
  /**
   * The context of the agent's callbacks and tools. The store keeps it as JSON.
   * @defaultValue the session's last, or {} where no message had one
   */
  context?: JSONObject
}

/** What `call` gives. */
export interface CallReply {
  /** All the text of the answer. */
  text: string
  /** The answer as clients have it and as it is stored. */
  message: FoldedMessage
  /** `waiting`: for a client-side tool or an approval. */
  state: SessionState
}

/** The client side of one session. It holds no state: another process may hold the same. */
export class AgentSession implements AsyncDisposable {
  readonly id: string
  readonly #agent: Agent
  readonly #loom: SessionHost

  /** @throws LoomError `invalid-request` for an id that no store takes */
  constructor(agent: Agent, { id = randomUUID(), loom }: AgentSessionOptions) {
    if (id === '' || !isSessionId(id)) {
      throw new LoomError(
        'invalid-request',
        `A session's id is Unicode, 1 to ${idLengthMax} long, and not "." or "..".`,
      )
    }
    this.id = id
    this.#agent = agent
    this.#loom = loom
  }

  get #sessions(): Sessions {
    return this.#loom.sessions
  }

  /**
   * Sends a message and waits for the answer. Ending the wait leaves the work running.
   * @throws LoomError `model-failed` with what the turn ended with; `busy`, `mailbox-full`,
   * `unavailable` where the message was not accepted
   */
  async call(message: string | UIMessage, options: SendOptions = {}): Promise<CallReply> {
    const answering = await this.#begun(await this.#post(message, options), options.signal)
    let failure: string | undefined
    await this.#follow(answering, options.signal, (event) => {
      if (event.type === 'error') failure = event.errorText
    })
    if (failure !== undefined) throw new LoomError('model-failed', failure)
    const answer = await this.#sessions.answered(this.id, answering.logId)
    if (answer === undefined) throw new LoomError('gone', 'This answer is no longer held.')
    const session = await this.#sessions.session(this.id)
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
    this.#begun(answering, signal)
      .then((begun) => this.#follow(begun, signal, queue.sink))
      .then(
        () => queue.end(),
        (reason: unknown) => queue.end({ reason }),
      )
    try {
      yield* queue.events
    } finally {
      leaving.abort()
    }
  }

  /**
   * Stops the running turn. What it said is kept. False when none runs.
   * @param queue what becomes of the messages that wait: `hold` answers none of them before the next
   * message or `runQueue`, `clear` withdraws them, `run` answers the next one. @defaultValue 'hold'
   */
  stop(queue: QueueOnStop = 'hold'): Promise<boolean> {
    return this.#sessions.stop(this.id, '', { queue })
  }

  /** Answers the messages that a stop holds. False when none waits and no turn runs. */
  runQueue(): Promise<boolean> {
    return this.#sessions.runQueue(this.id, '')
  }

  /** The history, also while a turn runs. */
  messages(): Promise<UIMessage[]> {
    return this.#sessions.messages(this.id)
  }

  /** Hands a running turn to whoever shares the store, and closes both. Others of the same Loom end too. */
  close(): Promise<void> {
    return this.#loom.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #post(message: string | UIMessage, options: SendOptions): Promise<Answering> {
    const { whenBusy = 'queue', context } = options
    const sent: UIMessage =
      typeof message === 'string'
        ? { id: randomUUID(), role: 'user', parts: [{ type: 'text', text: message }] }
        : message
    const letter = {
      id: sent.id,
      kind: 'message' as const,
      message: sent,
      digest: await contentDigest(sent.parts),
      replyId: `reply-${digest([this.id, sent.id])}`,
      request: { agent: this.#agent.name, ...(context !== undefined && { context }) },
    }
    return this.#sessions.post(this.id, letter, { tenant: '', agent: this.#agent.name, whenBusy })
  }

  async #begun(answering: Answering, signal: AbortSignal = never()): Promise<Answering> {
    if (!answering.queued) return answering
    const place = await this.#sessions.readers.begun(this.id, answering, signal)
    return { ...answering, ...place, queued: false }
  }

  async #follow(
    { logId, after }: Answering,
    signal: AbortSignal = never(),
    sink: (event: AgentEvent) => void | Promise<void>,
  ): Promise<void> {
    const deliver = async ({ events }: { events: readonly AgentEvent[] }) => {
      for (const event of events) await sink(event)
    }
    await this.#sessions.readers.follow({ sessionId: this.id, logId, after, signal, deliver })
  }
}

const never = () => new AbortController().signal
