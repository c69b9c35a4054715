/**
 * The inner state of a session for an operator: its owner, its claims, its log, its calls, its queue, its tasks
 * and its cost. It has no text of a message and no input or output of a call. Its size is bounded, also for a
 * session of any length.
 */
import type { LogEvent } from '../event.ts'
import { WorkSteps } from '../ground/long-work.ts'
import { type Cost, costFields } from '../spending.ts'
import type { InstanceRegister } from '../store/instances.ts'
import type { Letter } from '../store/letter.ts'
import type { LogEntry, LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionRecord, TurnRecord } from '../store/session.ts'
import { handedOver, type Takeover } from '../store/turn.ts'
import type { TaskInfo } from '../task.ts'
import type { Usage } from '../usage.ts'
import { type SessionInfo, sessionInfo } from './session-info.ts'

/** The greatest numbers in one inspection. */
export const inspectionMax = { letters: 50, tasks: 200, calls: 200, claims: 50, entries: 20_000 }

/** The number of entries that one read of a log returns. */
const portion = 500

/** The inner state of a session. Times are in milliseconds since 1970, by the clock of the store. */
export interface SessionInspection {
  /** The session, as its principal sees it, without its title and the inputs of calls. */
  session: Omit<SessionInfo, 'title' | 'waitsFor'>
  /** The subject to whom it belongs. Absent if it belongs to the whole tenant. */
  subject?: string
  /** The instance that made this inspection. */
  inspectedBy: string
  /** The turn that runs or waits, or the last one. Absent before the first one. */
  turn?: TurnInspection
  /** The log of that turn. Absent if the store does not have it any more. */
  log?: LogInspection
  /** The last calls of the log, in their order. */
  calls: CallInspection[]
  /** The messages that wait. */
  queue: QueueInspection
  /** The tasks below the session, the first started one first, without their prompts and the inputs of calls. */
  tasks: Omit<TaskInfo, 'title' | 'waitsFor'>[]
  /** True if it has more tasks than these. Absent otherwise. */
  hasMoreTasks?: true
  /** The tokens and the cost. */
  spent: SpentInspection
}

/** The owner of a turn, and its claim. */
export interface TurnInspection {
  /** The instance that owns the turn, or owned it to its end. */
  owner: string
  /** `alive`: it sends heartbeats. `dead`: it does not. `none`: the turn waits for an owner or has ended. */
  ownerState: 'alive' | 'dead' | 'none'
  /** The number of the claim. Each new owner has a greater one. */
  claim: number
  /** The message that the turn writes, and the id of its log. */
  messageId: string
  /** The letter that began the turn. */
  letterId: string
  /** The time at which it began. */
  startedAt: number
  /** The last takeovers after a death, the oldest first. */
  takeovers: Takeover[]
  /** The lowest profile of its readers. Absent before the first one. */
  profile?: string
  /** The stop that waits for the owner. Absent if there is none. */
  stop?: string
}

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

/** The messages that wait. */
export interface QueueInspection {
  /** The number of letters. */
  queued: number
  /** Whether a stop holds them. */
  held: boolean
  /** The first of them. */
  letters: {
    /** The id of the letter: that of its message, if it has one. */
    id: string
    /** The kind of the letter. */
    kind: Letter['kind']
    /** The name of the agent that will answer. */
    agent: string
    /** The user who posted it. Absent if the principal acts for the whole tenant. */
    subject?: string
    /** Absent in a letter of an earlier version. */
    postedAt?: number
  }[]
}

/** The tokens and the cost of a session, without its tasks. */
export interface SpentInspection {
  /** Of all finished messages. Absent if there is none. */
  finished?: SpentAmount
  /** Of the unfinished message. Absent if there is none. */
  unfinished?: SpentAmount
}

/** Tokens and their cost. */
export interface SpentAmount {
  /** The tokens. */
  usage: Usage
  /** The cost. Absent if a price is unknown. */
  cost?: Cost
}

export interface InspectionWorld {
  store: LogReader & Pick<MailboxStore, 'mailbox'> & Pick<InstanceRegister, 'isAlive'>
  instance: string
  tasks: () => Promise<TaskInfo[]>
}

export async function inspectSession(
  session: SessionRecord,
  { store, instance, tasks: listTasks }: InspectionWorld,
): Promise<SessionInspection> {
  const { id, turn, subject, queued, held = false } = session
  const { title: _title, ...info } = sessionInfo(session)
  const [read, letters, tasks, ownerState] = await Promise.all([
    turn && readWholeLog(store, id, turn.logId),
    store.mailbox(id),
    listTasks(),
    turn === undefined ? ('none' as const) : ownerStateOf(session, turn, store),
  ])
  return {
    session: info,
    ...(subject !== undefined && { subject }),
    inspectedBy: instance,
    ...(turn !== undefined && { turn: turnInspection(turn, ownerState) }),
    ...(read?.log !== undefined && { log: read.log }),
    calls: read?.calls ?? [],
    queue: {
      queued,
      held,
      letters: letters.slice(0, inspectionMax.letters).map(letterInspection),
    },
    tasks: tasks
      .slice(0, inspectionMax.tasks)
      .map(({ title: _ofTask, waitsFor: _calls, ...task }) => task),
    ...(tasks.length > inspectionMax.tasks && { hasMoreTasks: true }),
    spent: spentInspection(session),
  }
}

async function ownerStateOf(
  { state }: SessionRecord,
  { owner }: TurnRecord,
  store: Pick<InstanceRegister, 'isAlive'>,
): Promise<TurnInspection['ownerState']> {
  if (state !== 'running' || owner.startsWith(handedOver)) return 'none'
  return (await store.isAlive(owner)) ? 'alive' : 'dead'
}

function turnInspection(
  { owner, claim, logId, letterId, startedAt, takeovers = [], floor, stop }: TurnRecord,
  ownerState: TurnInspection['ownerState'],
): TurnInspection {
  return {
    owner: owner.startsWith(handedOver) ? owner.slice(handedOver.length) : owner,
    ownerState,
    claim,
    messageId: logId,
    letterId,
    startedAt,
    takeovers: [...takeovers],
    ...(floor !== undefined && { profile: floor }),
    ...(stop !== undefined && { stop }),
  }
}

const letterInspection = ({ id, kind, request }: Letter): QueueInspection['letters'][number] => ({
  id,
  kind,
  agent: request.agent,
  ...(request.subject !== undefined && { subject: request.subject }),
  ...(request.postedAt !== undefined && { postedAt: request.postedAt }),
})

const spentInspection = ({ spent, unfinishedSpent }: SessionRecord): SpentInspection => ({
  ...(spent !== undefined && { finished: { usage: spent.usage, ...costFields(spent) } }),
  ...(unfinishedSpent !== undefined && {
    unfinished: { usage: unfinishedSpent.usage, ...costFields(unfinishedSpent) },
  }),
})

/** Reads a log in portions. The event loop turns after each one. */
async function readWholeLog(store: LogReader, sessionId: string, logId: string) {
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
