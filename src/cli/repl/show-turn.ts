/** Shows one turn of a conversation to its end. Meanwhile Ctrl-C stops it; a second one leaves. */
import type { Conversation, Events } from '../conversation.ts'
import { play, type Played } from '../play.ts'
import { plain } from '../render/plain.ts'
import type { Screen } from '../render/screen.ts'
import { TurnView } from '../render/turn-view.ts'
import { lackOf, limitOf } from '../result.ts'
import type { Talk } from '../talk.ts'
import type { Keyboard } from './keyboard.ts'
import { typedAhead } from './typed-ahead.ts'

export interface ShowTurnOptions {
  talk: Talk
  conversation: Conversation
  /** Undefined where signals alone stop it. */
  keyboard: Keyboard | undefined
  /** Told which message it is that is shown. */
  onStart: (messageId: string) => void
}

/** How long an answer takes to stop before it is said that it is being stopped. */
const stoppingMs = 700

export async function showTurn(events: Events, options: ShowTurnOptions): Promise<Played> {
  const { talk, conversation, keyboard, onStart } = options
  const { screen, flags, human, interrupts, program } = talk
  const view = new TurnView({
    screen,
    isVerbose: flags.verbose === true,
    showsText: true,
    gauge: talk.gauge,
  })
  const stop = new AbortController()
  let stopped: Promise<void> | undefined
  let late: NodeJS.Timeout | undefined
  if (keyboard !== undefined) {
    keyboard.onInterrupt = () => {
      // The first stops the answer, the second does not even wait for that.
      if (late !== undefined) {
        interrupts.interrupt()
        return interrupts.interrupt()
      }
      stop.abort()
      stopped = conversation.stop().catch(() => undefined)
      const line = screen.paint('dim', 'stopping … (Ctrl-C again to leave)')
      late = setTimeout(() => screen.note(line), stoppingMs)
    }
    keyboard.onSuspend = () => screen.hide()
    keyboard.onTyped = (keys) => screen.composer(typedAhead(keys))
    keyboard.open()
  }
  const begin = () => {
    view.begin()
    if (keyboard !== undefined) screen.composer(typedAhead(keyboard.ahead))
  }
  begin()
  try {
    const played = await play(events, {
      conversation,
      human,
      hear: (event) => {
        if (event.type === 'start' && event.messageId !== undefined) onStart(event.messageId)
        view.add(event)
      },
      pause: () => view.pause(),
      resume: begin,
      drained: () => screen.drained(),
      stopping: AbortSignal.any([interrupts.stopping, stop.signal]),
      signal: interrupts.leaving,
    })
    // A stop that is still on its way would stop the answer to the next message.
    if (stopped !== undefined) await Promise.race([stopped, aborted(interrupts.leaving)])
    view.end()
    tellEnd(played, screen)
    if (program.stdout.isTTY) screen.answer('\n')
    return played
  } finally {
    clearTimeout(late)
    if (keyboard !== undefined) {
      keyboard.onInterrupt = undefined
      keyboard.onTyped = undefined
      keyboard.onSuspend = undefined
    }
    view.end()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (signal.aborted) resolve()
  return promise
}

function tellEnd(played: Played, screen: Screen): void {
  const { errorText, isStopped, isInterrupted } = played
  if (errorText !== undefined) {
    screen.error(screen.paint('red', `loom: ${plain(errorText)}`))
    return
  }
  const end = isStopped || isInterrupted ? 'stopped' : (limitOf(played) ?? lackOf(played))
  if (end !== undefined) screen.note(screen.paint('yellow', `(${end})`))
}
