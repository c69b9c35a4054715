/**
 * Plays a turn to its end. It passes each event to the caller, gets the answers to open calls from
 * the human, and continues until no call is open. It returns the message in the form that the store
 * keeps.
 */
import type { AgentEvent } from '../event.ts'
import { type FoldedMessage, MessageFold } from '../message-fold.ts'
import { pendingParts } from '../session/pending-parts.ts'
import type { Conversation, Events } from './conversation.ts'
import type { Human } from './human.ts'

export interface PlayOptions {
  conversation: Pick<Conversation, 'answer'>
  /** Undefined if this command must not answer. Then the function returns when the turn waits. */
  human: Pick<Human, 'answers'> | undefined
  /** Receives every event. */
  onEvent: (event: AgentEvent) => void
  /** `pause` is called before a question to the human, and `resume` after it. */
  pause: () => void
  resume: () => void
  /** Resolves when there is room for more output. */
  whenWritable: () => Promise<void>
  /**
   * Aborts when the human stops the answer. It ends a question to the human, and no question
   * follows. A stop that reaches the session while the answer already waits aborts nothing, so this
   * signal is needed.
   */
  stopping: AbortSignal
  /** Ends only the reading. The turn continues. */
  signal: AbortSignal
}

export interface PlayedTurn {
  message: FoldedMessage
  /** Whether this or another client stopped the turn. */
  isStopped: boolean
  /** Whether the human refused to answer an open call (Ctrl-C). */
  isInterrupted: boolean
  /** The text of the last `error` event. */
  errorText: string | undefined
  finishReason: string | undefined
}

export async function play(first: Events, options: PlayOptions): Promise<PlayedTurn> {
  const { conversation, human, signal, stopping } = options
  const fold = new MessageFold({ id: '', role: 'assistant', parts: [] })
  const turn: PlayedTurn = {
    message: fold.message,
    isStopped: false,
    isInterrupted: false,
    errorText: undefined,
    finishReason: undefined,
  }
  let events: Events | undefined = first
  while (events !== undefined) {
    await readAll(events, fold, { ...options, turn })
    events = undefined
    const isOver = turn.isStopped || turn.errorText !== undefined
    if (isOver || human === undefined || pendingParts(fold.message).length === 0) break
    if (stopping.aborted) {
      turn.isInterrupted = true
      break
    }
    options.pause()
    const answers = await human.answers(fold.message, stopping)
    options.resume()
    if (answers === undefined) turn.isInterrupted = true
    else if (answers.length > 0)
      events = await conversation.answer(fold.message.id, answers, signal)
  }
  return turn
}

async function readAll(
  events: Events,
  fold: MessageFold,
  { onEvent, whenWritable, turn }: PlayOptions & { turn: PlayedTurn },
): Promise<void> {
  for await (const event of events) {
    fold.add(event)
    onEvent(event)
    if (event.type === 'error') turn.errorText = event.errorText
    if (event.type === 'abort') turn.isStopped = true
    if (event.type === 'finish') turn.finishReason = event.finishReason
    await whenWritable()
  }
}
