/**
 * Shows one turn of a conversation to its end. Ctrl-C stops the turn, and a second one ends the
 * command.
 */
import type { Conversation, Events } from '../conversation.ts'
import { play, type PlayedTurn } from '../play.ts'
import { plain } from '../render/plain.ts'
import type { Screen } from '../render/screen.ts'
import { TurnView } from '../render/turn-view.ts'
import { lackOf, limitOf } from '../result.ts'
import type { Talk } from '../talk.ts'
import { TaskWatch } from '../task-watch.ts'
import type { Keyboard } from './keyboard.ts'
import { typeAhead } from './type-ahead.ts'

export interface ShowTurnOptions {
  talk: Talk
  conversation: Conversation
  /** Undefined if only signals stop the turn. */
  keyboard: Keyboard | undefined
  /** Receives the id of the message that is shown. */
  onStart: (messageId: string) => void
}

/** If an answer takes longer to stop, a line reports that it is stopping. */
const stoppingMs = 700

export async function showTurn(events: Events, options: ShowTurnOptions): Promise<PlayedTurn> {
  const { talk, conversation, keyboard, onStart } = options
  const { screen, flags, human, interrupts, program } = talk
  const tasks = new TaskWatch(conversation, screen)
  const view = new TurnView({
    screen,
    isVerbose: flags.verbose === true,
    showsText: true,
    gauge: talk.gauge,
    tasks,
  })
  const stop = new AbortController()
  let stopRequest: Promise<void> | undefined
  let late: NodeJS.Timeout | undefined
  if (keyboard !== undefined) {
    keyboard.onInterrupt = () => {
      // The first Ctrl-C stops the answer. The second one ends the command without waiting for the
      // stop.
      if (late !== undefined) {
        interrupts.interrupt()
        return interrupts.interrupt()
      }
      stop.abort()
      stopRequest = conversation.stop().catch(() => undefined)
      const line = screen.paint('dim', 'stopping … (Ctrl-C again to leave)')
      late = setTimeout(() => screen.note(line), stoppingMs)
    }
    keyboard.onSuspend = () => screen.hide()
    keyboard.onTyped = (keys) => screen.composer(typeAhead(keys))
    keyboard.open()
  }
  const begin = () => {
    view.begin()
    if (keyboard !== undefined) screen.composer(typeAhead(keyboard.ahead))
  }
  begin()
  try {
    const turn = await play(events, {
      conversation,
      human,
      onEvent: (event) => {
        if (event.type === 'start' && event.messageId !== undefined) onStart(event.messageId)
        tasks.add(event)
        view.add(event)
      },
      pause: () => view.pause(),
      resume: begin,
      whenWritable: () => screen.whenWritable(),
      stopping: AbortSignal.any([interrupts.stopping, stop.signal]),
      signal: interrupts.leaving,
    })
    // A stop that arrives late would stop the answer to the next message.
    if (stopRequest !== undefined) await Promise.race([stopRequest, abortOf(interrupts.leaving)])
    view.end()
    showEnd(turn, screen)
    if (program.stdout.isTTY) screen.answer('\n')
    return turn
  } finally {
    clearTimeout(late)
    if (keyboard !== undefined) {
      keyboard.onInterrupt = undefined
      keyboard.onTyped = undefined
      keyboard.onSuspend = undefined
    }
    view.end()
    tasks.close()
  }
}

/** Resolves when the signal aborts. */
function abortOf(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  return promise
}

function showEnd(turn: PlayedTurn, screen: Screen): void {
  const { errorText, isStopped, isInterrupted } = turn
  if (errorText !== undefined) {
    screen.error(screen.paint('red', `loom: ${plain(errorText)}`))
    return
  }
  const end = isStopped || isInterrupted ? 'stopped' : (limitOf(turn) ?? lackOf(turn))
  if (end !== undefined) screen.note(screen.paint('yellow', `(${end})`))
}
