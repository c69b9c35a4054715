/**
 * Plays a turn to its end: hands its events to who shows them, answers what it waits for, and goes on
 * until it waits for nothing. What it has come to is the message, as it is stored.
 */
import type { AgentEvent } from '../event.ts'
import { type FoldedMessage, MessageFold } from '../message-fold.ts'
import { waitingParts } from '../session/waiting.ts'
import type { Conversation, Events } from './conversation.ts'
import type { Human } from './human.ts'

export interface PlayOptions {
  conversation: Pick<Conversation, 'answer'>
  /** Undefined where nothing is to be answered from here: then it ends when it waits. */
  human: Pick<Human, 'answers'> | undefined
  /** Hears every event. */
  hear: (event: AgentEvent) => void
  /** Called when the turn pauses for the human, and before it goes on. */
  pause: () => void
  resume: () => void
  /** Resolves when there is room for more output. */
  drained: () => Promise<void>
  /**
   * Aborts when the human stops the answer. It ends a question to the human, and no question follows: a
   * stop can arrive at the session when the answer waits already, and then nothing aborts.
   */
  stopping: AbortSignal
  /** Leaves the turn as it is. */
  signal: AbortSignal
}

export interface Played {
  message: FoldedMessage
  /** Stopped before its end, from here or elsewhere. */
  isStopped: boolean
  /** The human would not answer what it waits for (Ctrl-C). */
  isInterrupted: boolean
  /** What went wrong. */
  errorText: string | undefined
  finishReason: string | undefined
}

export async function play(first: Events, options: PlayOptions): Promise<Played> {
  const { conversation, human, signal, stopping } = options
  const fold = new MessageFold({ id: '', role: 'assistant', parts: [] })
  const played: Played = {
    message: fold.message,
    isStopped: false,
    isInterrupted: false,
    errorText: undefined,
    finishReason: undefined,
  }
  let events: Events | undefined = first
  while (events !== undefined) {
    await hearAll(events, fold, { ...options, played })
    events = undefined
    const isOver = played.isStopped || played.errorText !== undefined
    if (isOver || human === undefined || waitingParts(fold.message).length === 0) break
    if (stopping.aborted) {
      played.isInterrupted = true
      break
    }
    options.pause()
    const answers = await human.answers(fold.message, stopping)
    options.resume()
    if (answers === undefined) played.isInterrupted = true
    else if (answers.length > 0)
      events = await conversation.answer(fold.message.id, answers, signal)
  }
  return played
}

async function hearAll(
  events: Events,
  fold: MessageFold,
  { hear, drained, played }: PlayOptions & { played: Played },
): Promise<void> {
  for await (const event of events) {
    fold.add(event)
    hear(event)
    if (event.type === 'error') played.errorText = event.errorText
    if (event.type === 'abort') played.isStopped = true
    if (event.type === 'finish') played.finishReason = event.finishReason
    await drained()
  }
}
