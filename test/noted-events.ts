/** The telemetry events that a test receives. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { onTestFinished } from 'vitest'

const runEvents = [
  'agent:start',
  'agent:stop',
  'step:start',
  'step:stop',
  'llm:start',
  'llm:stop',
  'llm:retry',
  'tool:start',
  'tool:stop',
  'tool:error',
  'context:compact',
]
export const turnEvents = ['turn:takeover', 'turn:start', 'turn:stop']

interface Noted {
  event: string
  measurements: Record<string, unknown>
  metadata: Record<string, unknown>
}

/** Notes the telemetry events of these names until the end of the test. */
export function noteEvents(names = [...runEvents, ...turnEvents]) {
  const noted: Noted[] = []
  for (const event of names) {
    const note = (message: unknown) => {
      const { measurements = {}, metadata = {} } = Object(message)
      noted.push({ event, measurements, metadata })
    }
    subscribe(`loom:${event}`, note)
    onTestFinished(() => void unsubscribe(`loom:${event}`, note))
  }
  const of = (event: string, fields: Record<string, unknown> = {}) =>
    noted.filter(
      ({ event: name, metadata }) =>
        name === event && Object.entries(fields).every(([key, value]) => metadata[key] === value),
    )
  return { noted, of }
}
