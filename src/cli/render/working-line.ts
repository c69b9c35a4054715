/** The line below a running answer: what goes on, what Ctrl-C does, the context and the cost. */
import { elapsed } from './elapsed.ts'
import type { Gauge } from './gauge.ts'
import { plainLine } from './plain.ts'
import { cutTo, widthOf } from './width.ts'

export interface RunningTool {
  toolName: string
  /** Of `performance.now()`. */
  startedAt: number
  /** The last line of what it has reported; empty where it has reported nothing. */
  progress: string
}

export interface Activity {
  /** What the model does where no tool runs. */
  model: 'answering' | 'thinking' | 'waiting'
  /** Since when, of `performance.now()`. */
  startedAt: number
  tools: readonly RunningTool[]
}

const separator = ' · '
const stop = `${separator}Ctrl-C stops`

/** Fewer columns have no room for long words. */
const narrow = 50

/** Columns that the context and the cost leave to what a tool reports. */
const progressMin = 20

/** In at most so many columns: the time and Ctrl-C always, the rest where there is room. */
export function workingLine(
  activity: Activity,
  { columns, gauge }: { columns: number; gauge: Gauge },
): string {
  const { what, time, progress } = wordsOf(activity, columns < narrow)
  const wanted = widthOf(what) + time.length + (progress === '' ? 0 : progressMin)
  const spent = gauge.text(columns - wanted - stop.length - separator.length)
  const tail = spent === '' ? stop : stop + separator + spent
  const room = columns - widthOf(tail)
  return cutTo(cutTo(what, room - time.length) + time + progress, room) + tail
}

function wordsOf({ model, startedAt, tools }: Activity, isNarrow: boolean) {
  if (tools.length === 0) {
    const what = model === 'waiting' && !isNarrow ? 'waiting for the model' : model
    return { what, time: ` ${elapsed(startedAt)}`, progress: '' }
  }
  const oldest = Math.min(...tools.map(({ startedAt }) => startedAt))
  const reported = tools.find(({ progress }) => progress !== '')?.progress
  return {
    what: tools.map(({ toolName }) => plainLine(toolName)).join(', '),
    time: ` ${elapsed(oldest)}`,
    progress: reported === undefined ? '' : separator + reported,
  }
}
