/** The log of a turn and its tool calls, for the inspection of a session. It has no text, input or output. */
import type { LogEvent } from '../event.ts'
import { WorkSteps } from '../ground/long-work.ts'
import type { LogEntry, LogReader } from '../store/log.ts'

/** The greatest numbers in one inspection. */
export const inspectionMax = { letters: 50, tasks: 200, calls: 200, claims: 50, entries: 20_000 }

/** The number of entries that one read of a log returns. */
const portion = 500

/** The size of a log. */
export interface LogInspection {
  /** The id of the first entry. */
  first: string
  /** The id of the last entry: the newest cursor. */
  last: string
  /** The number of entries. */
  entries: number
  /** The number of events. */
  events: number
  /** The length of the events as JSON, in characters. */
  size: number
  /** Whether the log is complete. */
  finished: boolean
  /** True if the log has more entries, which were not read. Absent otherwise. */
  isCut?: true
  /** The claims that wrote it, with the number of their entries. */
  claims: {
    /** The number of the claim. A later claim has a greater number. */
    claim: number
    /** The number of entries that this claim wrote. */
    entries: number
  }[]
}

/** A tool call of a log. */
export interface CallInspection {
  /** The id of the call. */
  toolCallId: string
  /** The name of the tool. */
  toolName: string
  /** `open`: it has no outcome yet. `approval`: it waits for a decision. */
  state: 'open' | 'approval' | 'done' | 'failed' | 'denied'
  /** The number of its recorded steps. */
  steps: number
  /** The claim under which its input came. */
  claim: number
}

/** Reads a log in portions. The event loop turns after each one. */
export async function inspectLog(
  store: LogReader,
  sessionId: string,
  logId: string,
): Promise<{ log: LogInspection | undefined; calls: CallInspection[] }> {
  const reading = new LogReading()
  const steps = new WorkSteps()
  for (;;) {
    const page = await store.readLog(sessionId, logId, reading.last, portion)
    if (page === undefined) break
    for (const entry of page.entries) await steps.next(reading.add(entry))
    if (page.finished) reading.isFinished = true
    if (page.finished || page.entries.length < portion) break
    if (reading.entries >= inspectionMax.entries) {
      reading.isCut = true
      break
    }
  }
  return { log: reading.log, calls: reading.calls }
}

class LogReading {
  last: string | undefined
  entries = 0
  isFinished = false
  isCut = false
  #first: string | undefined
  #events = 0
  #size = 0
  readonly #claims = new Map<number, number>()
  readonly #calls = new Map<string, CallInspection>()
  /** The ids of calls by those of their approval requests. */
  readonly #approvals = new Map<string, string>()

  get log(): LogInspection | undefined {
    if (this.#first === undefined || this.last === undefined) return undefined
    const claims = [...this.#claims].slice(-inspectionMax.claims)
    return {
      first: this.#first,
      last: this.last,
      entries: this.entries,
      events: this.#events,
      size: this.#size,
      finished: this.isFinished,
      ...(this.isCut && { isCut: true }),
      claims: claims.map(([claim, entries]) => ({ claim, entries })),
    }
  }

  get calls(): CallInspection[] {
    return [...this.#calls.values()].slice(-inspectionMax.calls)
  }

  /** Returns the size of the entry, in characters. */
  add({ id, events }: LogEntry): number {
    const size = events.length === 0 ? 0 : JSON.stringify(events).length
    const claim = Number(id.slice(0, id.indexOf('-')))
    this.#first ??= id
    this.last = id
    this.entries++
    this.#events += events.length
    this.#size += size
    this.#claims.set(claim, (this.#claims.get(claim) ?? 0) + 1)
    for (const event of events) this.#addCall(event, claim)
    return size
  }

  #addCall(event: LogEvent, claim: number): void {
    // The step of a call without its whole input may be withdrawn.
    if (event.type === 'tool-input-available' || event.type === 'tool-input-error') {
      const { toolCallId, toolName } = event
      const state = event.type === 'tool-input-error' ? 'failed' : 'open'
      this.#calls.set(toolCallId, { toolCallId, toolName, state, steps: 0, claim })
    } else if (event.type === 'tool-approval-response') {
      const call = this.#calls.get(this.#approvals.get(event.approvalId) ?? '')
      if (call !== undefined && event.approved) call.state = 'open'
    } else if ('toolCallId' in event) {
      const call = this.#calls.get(event.toolCallId)
      if (call !== undefined) noteOutcome(call, event)
      if (event.type === 'tool-approval-request')
        this.#approvals.set(event.approvalId, event.toolCallId)
    }
  }
}

function noteOutcome(call: CallInspection, event: LogEvent): void {
  if (event.type === 'tool-step') call.steps++
  if (event.type === 'tool-approval-request') call.state = 'approval'
  if (event.type === 'tool-output-denied') call.state = 'denied'
  if (event.type === 'tool-output-error') call.state = 'failed'
  if (event.type === 'tool-output-available' && event.preliminary !== true) call.state = 'done'
}
