/**
 * What a new owner finds in the log of a turn whose owner is gone, and what is to be done about it:
 * the events that close what was left open, and where the run goes on. The log is never rewritten;
 * what it already told its readers stands, or is withdrawn by an event of its own.
 */
import type { AgentEvent, EventOf } from '../event.ts'
import type { FoldedMessage, MessageFold } from '../message-fold.ts'
import type { OpenCall } from '../runner/session-hooks.ts'
import type { LogEntry } from '../store/log.ts'
import { unstoredItems } from '../wire/conversation/stored-items.ts'
import { type InputStart, LogScan, type OpenPart } from './log-scan.ts'

export interface Recovery {
  message: FoldedMessage
  fold: MessageFold
  /** Whether the message's `start` is in the log. */
  started: boolean
  /** To append first. */
  events: AgentEvent[]
  /** The run goes on inside the step that is open, without a `start-step` of its own. */
  stepOpen: boolean
  /** Calls that may have been running. */
  openCalls: OpenCall[]
  /** The kept partial reply is to be gone on from. */
  cutOff: boolean
  /** All was said and only the commit was missing: the reason of the last `finish`. */
  finished: EventOf<'finish'> | undefined
  error: string | undefined
  /** The claim of the owner that last finished a step; 0 where none did. */
  progressAt: number
}

/**
 * @param mayReset whether every reader of this log knows `reset-step`.
 */
export function recover(logId: string, entries: readonly LogEntry[], mayReset: boolean): Recovery {
  const scan = new LogScan(logId, entries)
  const { fold, finished, error, started, step } = scan
  const progressAt = progressOf(entries)
  const common = { message: fold.message, fold, finished, error, started, progressAt }
  if (finished !== undefined) {
    return { ...common, events: [], stepOpen: false, openCalls: [], cutOff: false }
  }
  if (!scan.stepOpen) {
    // What a human approved is run outside of a step: it may have been running.
    const openCalls = scan.openCalls.filter(({ approved }) => approved)
    return { ...common, events: [], stepOpen: false, openCalls, cutOff: false }
  }
  if (!step.sawContent) {
    return { ...common, events: [], stepOpen: true, openCalls: [], cutOff: false }
  }
  if (mayReset && !step.sawInput) {
    return {
      ...common,
      events: [{ type: 'reset-step' }],
      stepOpen: true,
      openCalls: [],
      cutOff: false,
    }
  }
  const events = [
    ...[...step.openParts.values()].map(endOf),
    ...[...step.openInputs.values()].map(cutOffInput),
    ...unstoredEvents(scan),
  ]
  const { openCalls } = scan
  if (openCalls.length > 0) return { ...common, events, stepOpen: true, openCalls, cutOff: false }
  // What the model says next is a step of its own: in this one it would stand before the results.
  events.push({ type: 'finish-step' })
  // The results of calls say by themselves that they were cut off; from a thought there is no going on.
  const cutOff = step.sawText && !step.sawCall
  return { ...common, events, stepOpen: false, openCalls, cutOff }
}

/** Of a reply that broke off the provider has stored no items. */
function unstoredEvents({ fold, step }: LogScan): AgentEvent[] {
  if (step.isReplyWhole) return []
  const { parts } = fold.message
  const messageMetadata = unstoredItems(
    parts.slice(parts.findLastIndex(({ type }) => type === 'step-start') + 1),
  )
  return messageMetadata === undefined ? [] : [{ type: 'message-metadata', messageMetadata }]
}

/** What only a run says: an owner that merely closes what was open says none of these. */
const saidByRun = new Set<AgentEvent['type']>([
  'start-step',
  'reset-step',
  'text-delta',
  'reasoning-delta',
  'tool-input-available',
  'tool-output-available',
  'tool-output-error',
  'tool-output-denied',
])

/** The claim of the owner that last finished a step in which it had a part. */
function progressOf(entries: readonly LogEntry[]): number {
  let saidAt = 0
  let progressAt = 0
  for (const { id, events } of entries) {
    const claim = Number(id.split('-', 1)[0])
    for (const { type } of events) {
      if (saidByRun.has(type)) saidAt = claim
      else if (type === 'finish-step' && saidAt === claim) progressAt = claim
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
  errorText: 'The tool call was cut off.',
  ...(dynamic === true && { dynamic }),
})
