/** One question and its answer, for people and for programs. */
import type { AgentEvent } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldsOf } from '../ground/fields.ts'
import type { FoldedPart } from '../message-fold.ts'
import { formatOf } from './chat-options.ts'
import type { Events } from './conversation.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import { play, type PlayedTurn, type PlayOptions } from './play.ts'
import { plain } from './render/plain.ts'
import { lostTasks } from './render/task-lines.ts'
import { TurnView } from './render/turn-view.ts'
import { lackOf, limitOf, resultLine, resultOf, spentText } from './result.ts'
import type { Talk } from './talk.ts'
import { TaskWatch } from './task-watch.ts'

/**
 * Sends one question and shows its answer.
 * @param prompt the question. Undefined shows the answer that is already running.
 * @returns the exit code
 */
export async function askOnce(talk: Talk, prompt: string | undefined): Promise<number> {
  const { conversation, flags, interrupts, screen } = talk
  const started = performance.now()
  let isLate = false
  // With `--watch`, an interrupt ends only this command and not the answer.
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
    // The interrupt may have come before the turn began.
    if (interrupts.exitCode !== undefined) stop()
    const human = isWatching ? undefined : talk.human
    const turn = await playOnScreen({ ...talk, human, stopping }, events)
    const durationMs = performance.now() - started
    const format = formatOf(flags)
    if (format !== 'text') {
      const sessionId = conversation.id
      const history = isWatching ? [] : await conversation.messages()
      const question = history.findLast(({ role }) => role === 'user')
      const result = resultOf({ turn, sessionId, question, durationMs })
      screen.answer(resultLine(result, format))
    }
    const exitCode = conclude(talk, turn, isLate)
    if (!talk.conversations.isShared) await reportLostTasks(talk, turn)
    const isSaved = await save(talk)
    return isSaved ? exitCode : exitCode || exitCodes.failed
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

type ScreenOptions = Omit<Talk, 'human'> & Pick<PlayOptions, 'human' | 'stopping'>

async function playOnScreen(talk: ScreenOptions, events: Events): Promise<PlayedTurn> {
  const { conversation, flags, human, interrupts, screen, stopping } = talk
  const format = formatOf(flags)
  const isVerbose = flags.verbose === true
  const tasks = new TaskWatch(conversation, screen)
  const view = new TurnView({
    screen,
    isVerbose,
    showsText: format === 'text',
    gauge: talk.gauge,
    tasks,
  })
  const onEvent = (event: AgentEvent) => {
    tasks.add(event)
    view.add(event)
    if (format === 'stream-json') screen.answer(`${JSON.stringify(event)}\n`)
  }
  view.begin()
  try {
    return await play(events, {
      conversation,
      human,
      onEvent,
      pause: () => view.pause(),
      resume: () => view.begin(),
      whenWritable: () => screen.whenWritable(),
      stopping,
      signal: interrupts.leaving,
    })
  } finally {
    view.end()
    tasks.close()
  }
}

/** Prints the costs and the failure of a turn, and returns the exit code. */
function conclude(
  { conversations, flags, interrupts, screen }: Talk,
  turn: PlayedTurn,
  isLate: boolean,
) {
  if (flags.verbose === true) {
    const spent = spentText(turn.message.metadata)
    if (spent !== undefined) screen.note(screen.paint('dim', spent))
  }
  if (interrupts.exitCode !== undefined) return interrupts.exitCode
  if (isLate) return tooLate({ flags, screen })
  if (turn.isInterrupted) return 130
  const printError = (line: string) => screen.error(screen.paint('red', `loom: ${line}`))
  if (turn.errorText !== undefined) {
    printError(plain(turn.errorText))
    const failure = conversations.failure()
    return failure instanceof LoomError ? exitCodeOf(failure) : exitCodes.failed
  }
  const limit = limitOf(turn)
  if (limit !== undefined) {
    printError(limit)
    return exitCodes.limit
  }
  const lack = turn.isStopped ? 'the answer was stopped' : lackOf(turn)
  if (lack === undefined) return exitCodes.done
  printError(lack)
  return exitCodes.failed
}

/** Says that tasks in the background end with this command. A server or Redis would continue them. */
async function reportLostTasks({ conversation, screen }: Talk, turn: PlayedTurn): Promise<void> {
  const hasBegun = (part: FoldedPart) => 'taskId' in fieldsOf(part['output'])
  if (!turn.message.parts.some(hasBegun)) return
  const line = lostTasks(await conversation.tasks())
  if (line !== undefined) screen.note(screen.paint('yellow', line))
}

function tooLate({ flags, screen }: Pick<Talk, 'flags' | 'screen'>): number {
  const line = `loom: stopped after ${flags.timeout} s (--timeout)`
  screen.error(screen.paint('red', line))
  return exitCodes.limit
}

/** Stores the conversation. Prints a failure after the answer and returns false. */
async function save({ conversation, screen }: Talk): Promise<boolean> {
  try {
    await conversation.save()
    return true
  } catch (error) {
    screen.error(screen.paint('red', `loom: ${plain(errorMessage(error))}`))
    return false
  }
}
