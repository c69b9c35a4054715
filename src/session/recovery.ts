import type { AgentEvent, EventOf } from '../event.ts'
import { type FoldedMessage, MessageFold } from '../message-fold.ts'
import type { OpenCall } from '../runner/session-hooks.ts'
import type { LogEntry } from '../store/turn.ts'
/**
 * What a new owner finds in the log of a turn whose owner is gone, and what is to be done about it:
 * the events that close what was left open, and where the run goes on. The log is never rewritten;
 * what it already told its readers stands, or is withdrawn by an event of its own.
 */
import { unstoredItems } from '../wire/conversation/stored-items.ts'

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
  const scan = scanOf(logId, entries)
  const { fold, finished, error, started } = scan
  const { progressAt } = scan
  const common = { message: fold.message, fold, finished, error, started, progressAt }
  if (finished !== undefined) {
    return { ...common, events: [], stepOpen: false, openCalls: [], cutOff: false }
  }
  if (!scan.stepOpen) {
    // What a human approved is run outside of a step: it may have been running.
    const openCalls = scan.openCalls.filter(({ approved }) => approved)
    return { ...common, events: [], stepOpen: false, openCalls, cutOff: false }
  }
  if (!scan.sawContent) {
    return { ...common, events: [], stepOpen: true, openCalls: [], cutOff: false }
  }
  if (mayReset && !scan.sawInput) {
    return {
      ...common,
      events: [{ type: 'reset-step' }],
      stepOpen: true,
      openCalls: [],
      cutOff: false,
    }
  }
  const events = [
    ...scan.openParts.map(endOf),
    ...scan.openInputs.map(cutOffInput),
    ...unstoredEvents(scan),
  ]
  const { openCalls } = scan
  if (openCalls.length > 0) return { ...common, events, stepOpen: true, openCalls, cutOff: false }
  // What the model says next is a step of its own: in this one it would stand before the results.
  events.push({ type: 'finish-step' })
  // The results of calls say by themselves that they were cut off; from a thought there is no going on.
  const cutOff = scan.sawText && !scan.sawCall
  return { ...common, events, stepOpen: false, openCalls, cutOff }
}

/**
 * Of a reply that broke off the provider has stored no items. What a step has cost is told once its
 * reply was whole, before its calls run.
 */
function unstoredEvents({ fold, isReplyWhole }: Scan): AgentEvent[] {
  if (isReplyWhole) return []
  const { parts } = fold.message
  const messageMetadata = unstoredItems(
    parts.slice(parts.findLastIndex(({ type }) => type === 'step-start') + 1),
  )
  return messageMetadata === undefined ? [] : [{ type: 'message-metadata', messageMetadata }]
}

interface OpenPart {
  type: 'text' | 'reasoning'
  id: string
}

type InputStart = EventOf<'tool-input-start'>

interface Scan {
  fold: MessageFold
  started: boolean
  stepOpen: boolean
  sawContent: boolean
  sawText: boolean
  /** The input of a call, whole or refused. */
  sawInput: boolean
  /** Any part of a call that is not the provider's. */
  sawCall: boolean
  /** The reply of the last step ended before its owner did. */
  isReplyWhole: boolean
  openParts: OpenPart[]
  openInputs: InputStart[]
  openCalls: OpenCall[]
  finished: EventOf<'finish'> | undefined
  error: string | undefined
  progressAt: number
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

function scanOf(logId: string, entries: readonly LogEntry[]): Scan {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  let started = false
  let stepOpen = false
  let sawContent = false
  let sawText = false
  let sawInput = false
  let sawCall = false
  let isReplyWhole = false
  let finished: EventOf<'finish'> | undefined
  let error: string | undefined
  const openParts = new Map<string, OpenPart>()
  const openInputs = new Map<string, InputStart>()
  const openCalls = new Map<string, OpenCall>()
  const approvals = new Map<string, string>()
  const settle = (toolCallId: string) => {
    openCalls.delete(toolCallId)
    openInputs.delete(toolCallId)
  }
  const beginStep = () => {
    sawContent = false
    sawText = false
    sawInput = false
    sawCall = false
    isReplyWhole = false
    openParts.clear()
    openInputs.clear()
  }

  for (const event of entries.flatMap(({ events }) => events)) {
    fold.add(event)
    switch (event.type) {
      case 'start':
        started = true
        finished = undefined
        error = undefined
        break
      case 'start-step':
        stepOpen = true
        beginStep()
        break
      case 'reset-step':
        beginStep()
        break
      case 'finish-step':
        stepOpen = false
        beginStep()
        break
      case 'text-start':
      case 'reasoning-start':
        sawContent = true
        openParts.set(event.id, {
          id: event.id,
          type: event.type === 'text-start' ? 'text' : 'reasoning',
        })
        break
      case 'text-delta':
        if (event.delta !== '') sawText = true
        break
      case 'text-end':
      case 'reasoning-end':
        openParts.delete(event.id)
        break
      case 'tool-input-start':
        sawContent = true
        if (event.providerExecuted !== true) sawCall = true
        openInputs.set(event.toolCallId, event)
        break
      case 'tool-input-available': {
        sawContent = true
        sawInput = true
        openInputs.delete(event.toolCallId)
        const { toolCallId, toolName, input, dynamic = false } = event
        if (event.providerExecuted !== true) {
          sawCall = true
          openCalls.set(toolCallId, {
            toolCallId,
            toolName,
            input,
            dynamic,
            asked: false,
            approved: false,
          })
        }
        break
      }
      case 'tool-approval-request': {
        approvals.set(event.approvalId, event.toolCallId)
        const call = openCalls.get(event.toolCallId)
        if (call !== undefined) call.asked = true
        break
      }
      case 'tool-approval-response': {
        const call = openCalls.get(approvals.get(event.approvalId) ?? '')
        if (call !== undefined && event.approved) call.approved = true
        break
      }
      case 'tool-input-error':
        sawContent = true
        sawInput = true
        if (event.providerExecuted !== true) sawCall = true
        settle(event.toolCallId)
        break
      case 'tool-output-available':
        if (event.preliminary !== true) settle(event.toolCallId)
        break
      case 'tool-output-error':
      case 'tool-output-denied':
        settle(event.toolCallId)
        break
      case 'message-metadata':
        if (sawInput) isReplyWhole = true
        break
      case 'error':
        error = event.errorText
        break
      case 'finish':
        finished = event
        break
      default:
        break
    }
  }
  return {
    fold,
    started,
    stepOpen,
    sawContent,
    sawText,
    sawInput,
    sawCall,
    isReplyWhole,
    openParts: [...openParts.values()],
    openInputs: [...openInputs.values()],
    openCalls: [...openCalls.values()],
    finished,
    error,
    progressAt: progressOf(entries),
  }
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
