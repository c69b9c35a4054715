/**
 * The status line of a running answer: the activity, the effect of Ctrl-C, the context and the
 * cost.
 */
import { elapsedText } from './elapsed-text.ts'
import type { Gauge } from './gauge.ts'
import { plainLine } from './plain.ts'
import { cutTo, widthOf } from './width.ts'

export interface RunningTool {
  toolName: string
  /** The start, of `performance.now()`. */
  startedAt: number
  /** The last line of the preliminary output. Empty if there is none. */
  progress: string
}

export interface Activity {
  /** The activity of the model while no tool runs. */
  model: 'answering' | 'thinking' | 'waiting'
  /** The start of the activity, of `performance.now()`. */
  startedAt: number
  tools: readonly RunningTool[]
}

const separator = ' · '
const stop = `${separator}Ctrl-C stops`

/** Below this number of columns, short words are used. */
const narrow = 50

/** Columns that the context and the cost leave free for the output of a tool. */
const progressMin = 20

/**
 * Returns the line in at most `columns` columns. It always contains the time and Ctrl-C, and the
 * rest if it fits.
 */
export function workingLine(
  activity: Activity,
  { columns, gauge }: { columns: number; gauge: Gauge },
): string {
  const { what, time, progress } = wordsOf(activity, columns < narrow)
  const needed = widthOf(what) + time.length + (progress === '' ? 0 : progressMin)
  const spent = gauge.text(columns - needed - stop.length - separator.length)
  const tail = spent === '' ? stop : stop + separator + spent
  const room = columns - widthOf(tail)
  return cutTo(cutTo(what, room - time.length) + time + progress, room) + tail
}

function wordsOf({ model, startedAt, tools }: Activity, isNarrow: boolean) {
  if (tools.length === 0) {
    const what = model === 'waiting' && !isNarrow ? 'waiting for the model' : model
    return { what, time: ` ${elapsedText(startedAt)}`, progress: '' }
  }
  const oldest = Math.min(...tools.map(({ startedAt }) => startedAt))
  const reported = tools.find(({ progress }) => progress !== '')?.progress
  return {
    what: tools.map(({ toolName }) => plainLine(toolName)).join(', '),
    time: ` ${elapsedText(oldest)}`,
    progress: reported === undefined ? '' : separator + reported,
  }
}
