/**
 * The place of this process in traces that cross processes. A tracer subscribes to two channels of
 * `node:diagnostics_channel`: one asks for the trace of the code that runs now, the other lets the tracer run
 * work as a part of a span. Without a tracer, both do nothing.
 */
import { channel } from 'node:diagnostics_channel'

/** The headers of W3C Trace Context. A letter keeps them, so that its turn joins the trace on any instance. */
export interface TraceHeaders {
  /** The version, the trace, the span above, and the flags. */
  traceparent?: string
  /** The data of tracing systems beside it. */
  tracestate?: string
}

/** The work that a tracer may run as a part of a span. */
export type TracedWork =
  | { type: 'tool'; runId: string; toolCallId: string }
  | { type: 'model'; runId: string }
  | { type: 'turn'; turn: string }

const questions = channel('loom:trace:current')
const works = channel('loom:trace:work')

/** Tracing systems may send more, which is left out. In characters. */
const traceStateMax = 512

/** Returns the trace of the code that runs now. Empty without a tracer or a trace. */
export function currentTrace(): TraceHeaders {
  if (!questions.hasSubscribers) return {}
  const headers: TraceHeaders = {}
  questions.publish(headers)
  const { traceparent, tracestate = '' } = headers
  if (traceparent === undefined) return {}
  const hasState = tracestate !== '' && tracestate.length <= traceStateMax
  return { traceparent, ...(hasState && { tracestate }) }
}

/** Runs work as a part of the span of a call or a turn, if there is a tracer. */
export function inTrace<RESULT>(labels: () => TracedWork, work: () => RESULT): RESULT {
  if (!works.hasSubscribers) return work()
  const traced: TracedRun<RESULT> = { labels: labels(), work }
  works.publish(traced)
  return traced.work()
}

interface TracedRun<RESULT = unknown> {
  readonly labels: TracedWork
  work: () => RESULT
}

/** The two parts of a tracer. */
export interface Tracer {
  /** Writes the current trace into the headers. */
  current: (headers: TraceHeaders) => void
  /** Runs work as a part of the span with these labels. */
  within: <RESULT>(labels: TracedWork, work: () => RESULT) => RESULT
}

/** Attaches a tracer. Returns the function that detaches it. */
export function attachTracer({ current, within }: Tracer): () => void {
  const onQuestion = (message: unknown) => {
    if (typeof message === 'object' && message !== null) current(message)
  }
  const onWork = (message: unknown) => {
    if (!isRun(message)) return
    const { labels, work } = message
    message.work = () => within(labels, work)
  }
  questions.subscribe(onQuestion)
  works.subscribe(onWork)
  return () => {
    questions.unsubscribe(onQuestion)
    works.unsubscribe(onWork)
  }
}

/** `inTrace` is the only publisher of this channel. */
const isRun = (message: unknown): message is TracedRun =>
  typeof message === 'object' && message !== null && 'work' in message

/** The name of a turn in this process, from the labels of its events. */
export const turnName = (labels: {
  principal?: string
  sessionId: string
  messageId: string
}): string => JSON.stringify([labels.principal ?? '', labels.sessionId, labels.messageId])
