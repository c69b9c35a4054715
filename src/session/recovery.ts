/**
 * The recovery of a turn whose owner is dead: the events that close the open parts of its log, and the
 * point at which the run continues. The log is never rewritten. An event that readers have already stays,
 * or a later event withdraws it.
 */
import type { AgentEvent, EventOf, LogEvent } from '../event.ts'
import type { FoldedMessage, MessageFold } from '../message-fold.ts'
import type { OpenCall } from '../runner/session-hooks.ts'
import type { LogEntry } from '../store/log.ts'
import { unstoredItems } from '../wire/conversation/stored-items.ts'
import { type InputStart, LogScan, type OpenPart } from './log-scan.ts'
import { inputCutOff } from './open-calls.ts'

export interface Recovery {
  message: FoldedMessage
  fold: MessageFold
  /** Whether the log has the `start` of the message. */
  started: boolean
  /** Events to append before the run. */
  events: AgentEvent[]
  /** Whether the run continues inside the open step, without a `start-step`. */
  stepOpen: boolean
  /** Calls that may have run. */
  openCalls: OpenCall[]
  /** Whether the model continues after the text of its partial reply. */
  cutOff: boolean
  /** The last `finish`, if the log is complete and only the commit is missing. */
  finish: EventOf<'finish'> | undefined
  error: string | undefined
  /** The claim of the owner that last finished a step, or 0 if no owner did. */
  progressAt: number
}

/**
 * @param mayReset whether every reader of this log supports `reset-step`
 */
export function recover(logId: string, entries: readonly LogEntry[], mayReset: boolean): Recovery {
  const scan = new LogScan(logId, entries)
  const { fold, finish, error, hasStart: started, step } = scan
  const progressAt = progressOf(entries)
  const common = { message: fold.message, fold, finish, error, started, progressAt }
  if (finish !== undefined) {
    // The calls whose tasks wait. No approved call has begun while the message waits.
    const openCalls = scan.openCalls.filter(({ hasBegun }) => hasBegun === true)
    return { ...common, events: [], stepOpen: false, openCalls, cutOff: false }
  }
  if (!scan.isStepOpen) {
    // Approved calls run outside of a step, and a task may wait after the step. So these may have run.
    const openCalls = scan.openCalls.filter(
      ({ approved, hasBegun }) => approved || hasBegun === true,
    )
    return { ...common, events: [], stepOpen: false, openCalls, cutOff: false }
  }
  const open = { ...common, stepOpen: true, openCalls: [], cutOff: false }
  if (!step.hasContent) return { ...open, events: [] }
  if (mayReset && !step.hasInput) return { ...open, events: [{ type: 'reset-step' }] }
  const events = [
    ...[...step.openParts.values()].map(endOf),
    ...[...step.openInputs.values()].map(cutOffInput),
    ...unstoredEvents(scan),
  ]
  const { openCalls } = scan
  if (openCalls.length > 0) return { ...common, events, stepOpen: true, openCalls, cutOff: false }
  // The next reply is a new step. In this step, it would stand before the results of the calls.
  events.push({ type: 'finish-step' })
  // After a call, its result shows the cut. A model cannot continue after a part of its reasoning.
  const cutOff = step.hasText && !step.hasCall
  return { ...common, events, stepOpen: false, openCalls, cutOff }
}

/** The provider has stored no items of a reply that broke off. */
function unstoredEvents({ fold, step }: LogScan): AgentEvent[] {
  if (step.isReplyWhole) return []
  const { parts } = fold.message
  const messageMetadata = unstoredItems(
    parts.slice(parts.findLastIndex(({ type }) => type === 'step-start') + 1),
  )
  return messageMetadata === undefined ? [] : [{ type: 'message-metadata', messageMetadata }]
}

/** Events that only a run emits. An owner that only closes the open parts emits none of them. */
const runEvents = new Set<LogEvent['type']>([
  'start-step',
  'reset-step',
  'text-delta',
  'reasoning-delta',
  'tool-input-available',
  'tool-output-available',
  'tool-output-error',
  'tool-output-denied',
])

/** Returns the claim of the owner that last finished a step to which it had added events of a run. */
function progressOf(entries: readonly LogEntry[]): number {
  let runAt = 0
  let progressAt = 0
  for (const { id, events } of entries) {
    const claim = Number(id.split('-', 1)[0])
    for (const { type } of events) {
      if (runEvents.has(type)) runAt = claim
      else if (type === 'finish-step' && runAt === claim) progressAt = claim
    }
  }
  return progressAt
}

const endOf = ({ type, id }: OpenPart): AgentEvent =>
  type === 'text' ? { type: 'text-end', id } : { type: 'reasoning-end', id }

const cutOffInput = ({ toolCallId, toolName, dynamic }: InputStart): AgentEvent => ({
  type: 'tool-input-error',
  toolCallId,
  toolName,
  input: null,
  errorText: inputCutOff,
  ...(dynamic === true && { dynamic }),
})
