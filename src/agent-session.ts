/**
 * A conversation with an agent in code, like LoomEx's `start_agent`, `call` and `get_messages`. It has a
 * mailbox, runs one turn at a time, and lives as long as its store.
 */
import { randomUUID } from 'node:crypto'

import type { JSONObject, JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import { type FoldedMessage, outputIn, textOf } from './message-fold.ts'
import { answerId } from './session/answer-letter.ts'
import { answerStream } from './session/answer-stream.ts'
import { contentDigest, digest } from './session/content-digest.ts'
import type { Receipt } from './session/receipt.ts'
import { wholeAnswer } from './session/whole-answer.ts'
import type { Sessions } from './sessions.ts'
import type { Answer, Letter, QueueOnStop, WhenBusy } from './store/letter.ts'
import type { SessionState } from './store/session.ts'
import { idLengthMax, isSessionId } from './wire/conversation.ts'

/** The owner of the sessions of a process: a `Loom`. */
export interface SessionHost {
  readonly sessions: Sessions
  /** Hands running turns over to the other instances on the store, and closes the store. */
  close: () => Promise<void>
}

export interface AgentSessionOptions {
  /** The id of the conversation in the store. @defaultValue a random UUID */
  id?: string
  loom: SessionHost
  /** The first messages of the conversation if the store does not have it yet. @defaultValue none */
  seed?: readonly UIMessage[]
}

/**
 * The options of `AgentSession.call`, `cast`, `send` and `stream`.
 * @example
 * ```ts
 * import type { SendOptions } from 'loomkit'
 *
 * const options: SendOptions = { whenBusy: 'reject', signal: AbortSignal.timeout(30_000) }
 * ```
 */
export interface SendOptions {
  /** Ends the wait of the caller. The turn continues. @defaultValue none */
  signal?: AbortSignal
  /** The effect of the message on a turn that runs. @defaultValue 'queue' */
  whenBusy?: WhenBusy
  /**
   * The context of the agent's callbacks and tools. The store keeps it as JSON.
   * @defaultValue the session's last context, or `{}` if no message had one
   */
  context?: JSONObject
}

/**
 * The reply of `AgentSession.call`.
 * @example
 * ```ts
 * import { type CallReply, defineAgent, startAgent } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const { text, state }: CallReply = await session.call('What is 2 + 2?')
 * ```
 */
export interface CallReply<OUTPUT = unknown> {
  /** All the text of the answer. */
  text: string
  /**
   * The output of an agent with an `output` schema, as the schema returned it. Absent if the agent has none, or
   * the answer is not complete.
   */
  output?: OUTPUT
  /** The answer as clients receive it and as the store keeps it. */
  message: FoldedMessage
  /**
   * The state of the session after the answer. `waiting`: the answer needs the output of a client-side
   * tool or an approval.
   */
  state: SessionState
}

/**
 * The client side of one session. `startAgent` returns one. It holds no state, so several processes may
 * use one session at the same time.
 * @example
 * ```ts
 * import { type AgentSession, defineAgent, startAgent } from 'loomkit'
 *
 * const tutor = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const session: AgentSession = startAgent(tutor)
 * const id = await session.cast('What is 2 + 2?')
 * const history = await session.messages()
 * await session.close()
 * ```
 */
export class AgentSession implements AsyncDisposable {
  readonly id: string
  readonly #agent: Agent
  readonly #loom: SessionHost
  readonly #seed: readonly UIMessage[]

  /** @throws LoomError `invalid-request` for an invalid id */
  constructor(agent: Agent, { id = randomUUID(), loom, seed = [] }: AgentSessionOptions) {
    if (id === '' || !isSessionId(id)) {
      throw new LoomError(
        'invalid-request',
        `A session's id is Unicode, 1 to ${idLengthMax} long, and not "." or "..".`,
      )
    }
    this.id = id
    this.#agent = agent
    this.#loom = loom
    this.#seed = seed
  }

  get #sessions(): Sessions {
    return this.#loom.sessions
  }

  /**
   * Sends a message and waits for the answer. If the signal aborts, the wait ends and the turn continues.
   * @throws LoomError `model-failed` with the error text of the turn; `busy`, `mailbox-full` or
   * `unavailable` if the session did not accept the message; `refused` if the message was withdrawn;
   * `gone` if the answer expired. If the signal aborts, its reason is thrown.
   */
  async call(message: string | UIMessage, options: SendOptions = {}): Promise<CallReply> {
    const receipt = await this.#post(message, options)
    let failure: string | undefined
    const { message: answer, session } = await wholeAnswer(this.#sessions, this.id, receipt, {
      signal: options.signal ?? never(),
      deliver: ({ events }) => {
        for (const event of events) if (event.type === 'error') failure = event.errorText
      },
    })
    if (failure !== undefined) throw new LoomError('model-failed', failure)
    const json = outputIn(answer)
    return {
      text: textOf(answer),
      ...(json !== undefined && { output: await this.#outputOf(json, options.context) }),
      message: answer,
      state: session?.state ?? 'idle',
    }
  }

  /**
   * Sends a message, and returns when the store has accepted it.
   * @returns the id of the message
   * @throws LoomError `busy`, `mailbox-full` or `unavailable` if the session did not accept the message
   */
  async cast(message: string | UIMessage, options: SendOptions = {}): Promise<string> {
    return (await this.#post(message, options)).letterId
  }

  /**
   * Sends a message and returns the events of its answer as they happen. The message is sent when the
   * loop over the events begins. If the loop ends early, the turn continues.
   * @throws LoomError as `send`, in the loop
   */
  async *stream(
    message: string | UIMessage,
    options: SendOptions = {},
  ): AsyncGenerator<AgentEvent, void> {
    yield* await this.send(message, options)
  }

  /**
   * Sends a message, and returns the events of its answer when the store has accepted the message. If the
   * loop over the events ends early, the turn continues.
   * @throws LoomError `busy`, `mailbox-full` or `unavailable` if the session did not accept the message
   */
  async send(
    message: string | UIMessage,
    options: SendOptions = {},
  ): Promise<AsyncGenerator<AgentEvent, void>> {
    return answerStream(this.#sessions, this.id, await this.#post(message, options), options.signal)
  }

  /**
   * Answers the calls that a message waits for, with outputs of client-side tools and with decisions.
   * @returns the events that follow, when the store has accepted the answers
   * @throws LoomError `refused` if the session does not wait for that message; as `send`
   */
  async answer(
    messageId: string,
    answers: readonly Answer[],
    { signal }: Pick<SendOptions, 'signal'> = {},
  ): Promise<AsyncGenerator<AgentEvent, void>> {
    const letter = {
      id: answerId({ id: messageId }, answers),
      kind: 'answer' as const,
      answer: answers,
      replyId: messageId,
      request: { agent: this.#agent.name },
    }
    return answerStream(this.#sessions, this.id, await this.#postLetter(letter), signal)
  }

  /**
   * Returns the events of the answer that runs or waits, from its start. Returns undefined if no turn runs
   * or waits.
   */
  async watch({ signal }: Pick<SendOptions, 'signal'> = {}): Promise<
    AsyncGenerator<AgentEvent, void> | undefined
  > {
    const place = await this.#sessions.readers.placeOf(this.id, undefined)
    if (place === undefined) return undefined
    const receipt = { ...place, letterId: undefined, answers: [], queued: false, repeated: true }
    return answerStream(this.#sessions, this.id, receipt, signal)
  }

  /** Returns the id of the answer that runs or waits. Returns undefined if no turn runs or waits. */
  async running(): Promise<string | undefined> {
    return (await this.#sessions.readers.placeOf(this.id, undefined))?.logId
  }

  /**
   * Stops the running turn and keeps its text. Returns false if no turn runs.
   * @param queue the effect on the messages that wait: `hold` answers none of them before the next
   * message or `runQueue`, `clear` withdraws them, `run` answers the next one. @defaultValue 'hold'
   */
  stop(queue: QueueOnStop = 'hold'): Promise<boolean> {
    return this.#sessions.stop(this.id, '', { queue })
  }

  /** Answers the messages that a stop holds. Returns false if no message waits and no turn runs. */
  runQueue(): Promise<boolean> {
    return this.#sessions.runQueue(this.id, '')
  }

  /** Returns the history, also while a turn runs. Before the first message it is the seed. */
  async messages(): Promise<UIMessage[]> {
    if (this.#seed.length > 0 && (await this.#sessions.session(this.id)) === undefined) {
      return [...this.#seed]
    }
    return this.#sessions.messages(this.id)
  }

  /**
   * Hands a running turn over to another instance on the same store, and closes the session's `Loom` and
   * its store. The other sessions of that `Loom` end too.
   */
  close(): Promise<void> {
    return this.#loom.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Loads the schemas only for an agent that has one. */
  async #outputOf(json: JSONValue, context: JSONObject = {}): Promise<unknown> {
    const { storedOutput } = await import('./runner/output/stored-output.ts')
    return storedOutput(this.#agent, json, context)
  }

  async #post(message: string | UIMessage, options: SendOptions): Promise<Receipt> {
    const { whenBusy = 'queue', context } = options
    const userMessage: UIMessage =
      typeof message === 'string'
        ? { id: randomUUID(), role: 'user', parts: [{ type: 'text', text: message }] }
        : message
    const { id, parts } = userMessage
    const letter = {
      id,
      kind: 'message' as const,
      message: userMessage,
      digest: await contentDigest(parts),
      replyId: `reply-${digest([this.id, id])}`,
      request: { agent: this.#agent.name, ...(context !== undefined && { context }) },
    }
    return this.#postLetter(letter, whenBusy)
  }

  #postLetter(letter: Letter, whenBusy: WhenBusy = 'queue'): Promise<Receipt> {
    return this.#sessions.post(this.id, letter, {
      tenant: '',
      agent: this.#agent.name,
      whenBusy,
      ...(this.#seed.length > 0 && { seed: this.#seed }),
    })
  }
}

const never = () => new AbortController().signal
