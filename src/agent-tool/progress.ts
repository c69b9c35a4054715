/** The progress of a sub-agent as its tool reports it. */
import type { AgentEvent } from '../event.ts'
import type { AgentToolOutput } from './output.ts'

/** The least time between two reports of progress, in milliseconds. */
const reportEveryMs = 100

/** Each report has the whole text, so the time grows with it: at most 10 characters for a millisecond. */
const reportCharsPerMs = 10

/** Collects a run's events into reports. A slow reader receives fewer of them. */
export function openProgress() {
  const output: AgentToolOutput = { text: '', toolCalls: [] }
  const calls = new Map<string, AgentToolOutput['toolCalls'][number]>()
  let changed = false
  let isEnded = false
  let reportedAt = 0
  let wake: (() => void) | undefined
  let wakeOnChange = false

  const note = (event: AgentEvent): void => {
    if (!take(event)) return
    changed = true
    if (wakeOnChange) wake?.()
  }
  /** Returns false for an event that changes nothing. */
  const take = (event: AgentEvent): boolean => {
    switch (event.type) {
      case 'start-step':
      case 'reset-step':
        if (output.text === '') return false
        output.text = ''
        return true
      case 'text-delta':
        output.text += event.delta
        return true
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
  const current = (): AgentToolOutput => ({
    ...output,
    toolCalls: output.toolCalls.map((call) => ({ ...call })),
  })
  const intervalMs = () => reportEveryMs + output.text.length / reportCharsPerMs
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
        const waitMs = reportedAt + intervalMs() - performance.now()
        if (!changed || waitMs > 0) {
          await nextWake(changed ? waitMs : undefined)
          continue
        }
        changed = false
        reportedAt = performance.now()
        yield current()
      }
    },
  }
}
