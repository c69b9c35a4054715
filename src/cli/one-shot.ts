/** One question and its answer, for people and for programs. */
import type { AgentEvent } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { formatOf } from './chat-options.ts'
import type { Events } from './conversation.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import { play, type Played, type PlayOptions } from './play.ts'
import { plain } from './render/plain.ts'
import { TurnView } from './render/turn-view.ts'
import { lackOf, limitOf, resultLine, resultOf, spentText } from './result.ts'
import type { Talk } from './talk.ts'

/**
 * @param prompt undefined watches what is being answered already
 * @returns the exit code
 */
export async function askOnce(talk: Talk, prompt: string | undefined): Promise<number> {
  const { conversation, flags, interrupts, screen } = talk
  const started = performance.now()
  let isLate = false
  // Who only watches leaves, and nothing is stopped.
  const isWatching = prompt === undefined
  const stop = () => {
    if (!isWatching) void conversation.stop().catch(() => undefined)
  }
  interrupts.onStop = stop
  const timeout = new AbortController()
  const late = () => {
    isLate = true
    timeout.abort()
    stop()
  }
  const timer = flags.timeout === undefined ? undefined : setTimeout(late, flags.timeout * 1000)
  const { leaving } = interrupts
  const stopping = AbortSignal.any([interrupts.stopping, timeout.signal])
  try {
    const events = isWatching
      ? await conversation.watch(stopping)
      : await conversation.send(prompt, leaving)
    if (events === undefined) {
      screen.note('loom: nothing is being answered in this session.')
      return exitCodes.done
    }
    // What came before there was something to stop.
    if (interrupts.exitCode !== undefined) stop()
    const human = isWatching ? undefined : talk.human
    const played = await shown({ ...talk, human, stopping }, events)
    const durationMs = performance.now() - started
    const format = formatOf(flags)
    if (format !== 'text') {
      const sessionId = conversation.id
      const history = isWatching ? [] : await conversation.messages()
      const asked = history.findLast(({ role }) => role === 'user')
      const result = resultOf({ played, sessionId, asked, durationMs })
      screen.answer(resultLine(result, format))
    }
    const exitCode = conclude(talk, played, isLate)
    const isKept = await kept(talk)
    return isKept ? exitCode : exitCode || exitCodes.failed
  } catch (error) {
    const { exitCode } = interrupts
    const isLeaving = leaving.aborted || (isWatching && stopping.aborted)
    if (isLeaving && exitCode !== undefined) return exitCode
    if (isLeaving && isLate) return tooLate(talk)
    throw error
  } finally {
    clearTimeout(timer)
    screen.status(undefined)
  }
}

type Shown = Omit<Talk, 'human'> & Pick<PlayOptions, 'human' | 'stopping'>

async function shown(talk: Shown, events: Events): Promise<Played> {
  const { conversation, flags, human, interrupts, screen, stopping } = talk
  const format = formatOf(flags)
  const isVerbose = flags.verbose === true
  const view = new TurnView({
    screen,
    isVerbose,
    showsText: format === 'text',
    gauge: talk.gauge,
  })
  const hear = (event: AgentEvent) => {
    view.add(event)
    if (format === 'stream-json') screen.answer(`${JSON.stringify(event)}\n`)
  }
  view.begin()
  try {
    return await play(events, {
      conversation,
      human,
      hear,
      pause: () => view.pause(),
      resume: () => view.begin(),
      drained: () => screen.drained(),
      stopping,
      signal: interrupts.leaving,
    })
  } finally {
    view.end()
  }
}

/** Says what is to be said of the end, and gives the exit code. */
function conclude(
  { conversations, flags, interrupts, screen }: Talk,
  played: Played,
  isLate: boolean,
) {
  if (flags.verbose === true) {
    const spent = spentText(played.message.metadata)
    if (spent !== undefined) screen.note(screen.paint('dim', spent))
  }
  if (interrupts.exitCode !== undefined) return interrupts.exitCode
  if (isLate) return tooLate({ flags, screen })
  if (played.isInterrupted) return 130
  const say = (line: string) => screen.error(screen.paint('red', `loom: ${line}`))
  if (played.errorText !== undefined) {
    say(plain(played.errorText))
    const failure = conversations.failure()
    return failure instanceof LoomError ? exitCodeOf(failure) : exitCodes.failed
  }
  const limit = limitOf(played)
  if (limit !== undefined) {
    say(limit)
    return exitCodes.limit
  }
  const lack = played.isStopped ? 'the answer was stopped' : lackOf(played)
  if (lack === undefined) return exitCodes.done
  say(lack)
  return exitCodes.failed
}

function tooLate({ flags, screen }: Pick<Talk, 'flags' | 'screen'>): number {
  const line = `loom: stopped after ${flags.timeout} s (--timeout)`
  screen.error(screen.paint('red', line))
  return exitCodes.limit
}

/** The answer has been given; that it could not be kept is told behind it. */
async function kept({ conversation, screen }: Talk): Promise<boolean> {
  try {
    await conversation.save()
    return true
  } catch (error) {
    screen.error(screen.paint('red', `loom: ${plain(errorMessage(error))}`))
    return false
  }
}
