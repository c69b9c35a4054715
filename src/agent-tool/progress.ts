/** The progress of a sub-agent as its tool reports it. */
import type { AgentEvent } from '../event.ts'
import type { AgentToolOutput } from './output.ts'

/** The least time between two reports of progress, in milliseconds. */
const reportEveryMs = 100

/** Each report has the whole text, so the time grows with it: at most 10 characters for a millisecond. */
const reportCharsPerMs = 10

/**
 * A text that only grows is reported again after it has grown by this part. So all reports of a text together
 * have at most 9 times its characters, however slow the sub-agent is.
 */
const reportGrowth = 1 / 8

/** Collects a run's events into reports. A slow reader receives fewer of them. */
export function openProgress() {
  const output: AgentToolOutput = { text: '', toolCalls: [] }
  const calls = new Map<string, AgentToolOutput['toolCalls'][number]>()
  /** The ends of the text that no report has yet. Most tokens end here: one string for each would be garbage. */
  let deltas: string[] = []
  /** The length of the text with these, and its length in the last report. */
  let length = 0
  let reportedLength = 0
  /** Whether anything but the growth of the text has changed. */
  let hasNews = false
  let isEnded = false
  let reportedAt = 0
  let wake: (() => void) | undefined
  let wakeOnChange = false

  const note = (event: AgentEvent): void => {
    if (event.type === 'text-delta') {
      deltas.push(event.delta)
      length += event.delta.length
      if (wakeOnChange && hasGrown()) wake?.()
    } else if (take(event)) {
      hasNews = true
      if (wakeOnChange) wake?.()
    }
  }
  const hasGrown = () => length - reportedLength > reportedLength * reportGrowth
  /** Returns false for an event that changes nothing. */
  const take = (event: AgentEvent): boolean => {
    switch (event.type) {
      case 'start-step':
      case 'reset-step':
        if (length === 0) return false
        output.text = ''
        deltas = []
        length = 0
        return true
      case 'text-end':
        return length !== reportedLength
      case 'tool-input-available':
        begin(event, 'running')
        return true
      case 'tool-input-error':
        begin(event, 'error')
        return true
      case 'tool-output-available':
        if (event.preliminary !== true) settle(event.toolCallId, 'done')
        return event.preliminary !== true
      case 'tool-output-error':
        settle(event.toolCallId, 'error')
        return true
      default:
        return false
    }
  }
  const begin = (
    { toolCallId, toolName }: { toolCallId: string; toolName: string },
    state: 'running' | 'error',
  ) => {
    const call = { toolName, state }
    calls.set(toolCallId, call)
    output.toolCalls.push(call)
  }
  const settle = (toolCallId: string, state: 'done' | 'error') => {
    const call = calls.get(toolCallId)
    if (call !== undefined) call.state = state
  }
  const current = (): AgentToolOutput => {
    output.text += deltas.join('')
    deltas = []
    return { ...output, toolCalls: output.toolCalls.map((call) => ({ ...call })) }
  }
  const intervalMs = () => reportEveryMs + length / reportCharsPerMs
  const nextWake = (delayMs?: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = delayMs === undefined ? undefined : setTimeout(resolve, delayMs)
    wake = resolve
    // Between two reports only the timer and the end wake the tool; otherwise every token would.
    wakeOnChange = delayMs === undefined
    return promise.finally(() => {
      clearTimeout(timer)
      wake = undefined
    })
  }

  return {
    note,
    current,
    end: () => {
      isEnded = true
      wake?.()
    },
    /** Yields a report after each change, until the end of the run. */
    async *reports(): AsyncGenerator<AgentToolOutput, void> {
      for (;;) {
        if (isEnded) return
        const isDue = hasNews || hasGrown()
        const waitMs = reportedAt + intervalMs() - performance.now()
        if (!isDue || waitMs > 0) {
          await nextWake(isDue ? waitMs : undefined)
          continue
        }
        hasNews = false
        reportedLength = length
        reportedAt = performance.now()
        yield current()
      }
    },
  }
}
