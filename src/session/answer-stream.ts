/** The answer to one letter, for callers in the same process: its events, or the whole of it. */
import type { JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import type { LoomError } from '../ground/error.ts'
import { outputIn, textOf, uiMessage } from '../message-fold.ts'
import type { Sessions } from '../sessions.ts'
import type { SessionState } from '../store/session.ts'
import { failureIn } from './answer-failure.ts'
import { eventsFrom, readLogInto } from './log-events.ts'
import { type AnswerReceipt, answerGone, placeOfAnswer, wholeAnswer } from './whole-answer.ts'

/**
 * The reply of `AgentSession.call` and of `AnswerStream.reply`.
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
  /** The answer, as `AgentSession.messages` returns it. A frontend takes it in its list of messages. */
  message: UIMessage
  /**
   * The state of the session after the answer. `waiting`: the answer needs the output of a client-side
   * tool or an approval.
   */
  state: SessionState
}

/** The place of an answer. */
export interface AnswerAt {
  sessions: Sessions
  /** The id of the session in the store. */
  sessionId: string
  receipt: AnswerReceipt
  /** Ends the wait of the caller. @defaultValue none */
  signal: AbortSignal | undefined
  /** Returns the output of an agent with an `output` schema from its stored form. */
  outputOf: (json: JSONValue) => Promise<unknown>
}

/**
 * The answer to a message that a session has accepted. A loop over it reads the events as they happen; `reply`
 * waits for the whole answer. A caller may use one of them, both or none: the turn runs in any case, and a
 * loop that ends early does not stop it. `OUTPUT` is the type of the output, if the agent has a schema for it.
 * @example
 * ```ts
 * import { type AnswerStream, defineAgent, startAgent } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const answer: AnswerStream = await session.send('What is 2 + 2?')
 * for await (const event of answer) {
 *   if (event.type === 'text-delta') process.stdout.write(event.delta)
 * }
 * const { state } = await answer.reply()
 * ```
 */
export class AnswerStream<OUTPUT = unknown> implements AsyncGenerator<AgentEvent, void> {
  /** The id of the answer. A message that steers a running turn has its answer in that of the turn. */
  readonly messageId: string
  /** Whether the message waited for its turn when it was accepted. */
  readonly queued: boolean
  readonly #at: AnswerAt
  #events: AsyncGenerator<AgentEvent, void> | undefined

  constructor(at: AnswerAt) {
    this.#at = at
    this.messageId = at.receipt.logId
    this.queued = at.receipt.queued
  }

  /**
   * Waits for the whole answer.
   * @throws LoomError with the code and the error text of a turn that failed (`model-failed` if the code is
   * not known); `refused` if the message was withdrawn; `gone` if the answer expired. If the signal aborts,
   * its reason is thrown.
   */
  async reply(): Promise<CallReply<OUTPUT>> {
    const { sessions, sessionId, receipt, signal = new AbortController().signal } = this.#at
    let failure: LoomError | undefined
    const { message, session } = await wholeAnswer(sessions, sessionId, receipt, {
      signal,
      deliver: ({ events }) => {
        for (const event of events) if (event.type === 'error') failure = failureIn(event)
      },
    })
    if (failure !== undefined) throw failure
    const json = outputIn(message)
    return withOutput<OUTPUT>({
      text: textOf(message),
      ...(json !== undefined && { output: await this.#at.outputOf(json) }),
      message: uiMessage(message),
      state: session?.state ?? 'idle',
    })
  }

  /**
   * Returns the next event.
   * @throws LoomError `refused` if the message was withdrawn, or `gone` if the log of the answer
   * expired
   */
  next(): Promise<IteratorResult<AgentEvent, void>> {
    return this.#open().next()
  }

  /** Ends the loop. The turn continues. */
  return(): Promise<IteratorResult<AgentEvent, void>> {
    return this.#open().return()
  }

  /** Ends the loop with an error. The turn continues. */
  throw(error: unknown): Promise<IteratorResult<AgentEvent, void>> {
    return this.#open().throw(error)
  }

  /** Returns this object: `for await` reads the events. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the loop at the end of an `await using` block. The turn continues. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #open(): AsyncGenerator<AgentEvent, void> {
    this.#events ??= eventsOf(this.#at)
    return this.#events
  }
}

/** `OUTPUT` is the type of the schema that checked the output. */
function withOutput<OUTPUT>(reply: CallReply): CallReply<OUTPUT>
function withOutput(reply: unknown): unknown {
  return reply
}

function eventsOf({ sessions, sessionId, receipt, signal }: AnswerAt) {
  return eventsFrom(signal, async (sink, until) => {
    const place = await placeOfAnswer(sessions, sessionId, receipt, until)
    const { end } = await readLogInto(sink, sessions.readers, { sessionId, place, signal: until })
    if (end === 'gone') throw answerGone()
  })
}
