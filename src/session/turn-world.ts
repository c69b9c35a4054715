/** The objects that an instance passes to its turns, and the state that the parts of a turn share. */
import type { Agent, TimeLimits } from '../agent.ts'
import type { AgentEvent, StepRecord } from '../event.ts'
import type { Clock } from '../ground/clock.ts'
import type { MessageFold } from '../message-fold.ts'
import type { ModelReference, Models } from '../model.ts'
import type { Breakers } from '../runner/compaction/breaker.ts'
import type { Sink } from '../sink.ts'
import type { HintSource } from '../store/hint.ts'
import type { InstanceRegister } from '../store/instances.ts'
import type { LogEntry, LogReader, LogWriter } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'
import type { TaskStore } from '../store/task.ts'
import type { Claim, TurnStore } from '../store/turn.ts'
import type { LocalTails } from './local-tail.ts'
import type { Schedules } from './schedules.ts'
import type { TurnMeter } from './turn-meter.ts'
import type { TurnTasks } from './turn-tasks.ts'

export interface TurnWorld {
  store: MailboxStore &
    TurnStore &
    LogWriter &
    LogReader &
    SessionReader &
    HintSource &
    Pick<TaskStore, 'noteSpending' | 'spentBeside'> &
    Pick<InstanceRegister, 'isAlive'>
  tails: LocalTails
  instance: string
  agentOf: (name: string) => Agent | undefined
  /** The names of the agents that this instance has now. */
  agentNames: () => readonly string[]
  /** The names of the agents whose turns may follow a turn of the session here. None if too many turns run. */
  agentsAfter: (sessionId: string) => readonly string[]
  /** The breakers of the sessions whose turns run here. */
  breakers: Breakers
  models: Models
  defaultModel: ModelReference
  limits: TimeLimits
  clock: Clock
  flushMs: number
  patienceMs: number
  logTtlMs: number
  /** Opens the schedules of the sessions, for the tools. Undefined if tools may not use them. */
  schedules: (() => Promise<Schedules>) | undefined
  /** Opens the tasks of the sessions. */
  tasks: () => Promise<TurnTasks>
  /** Awaited before each model call and each tool call. It rejects if another instance may own the turn. */
  mayStart: (claim: Claim) => Promise<void>
  /** Counts the turns of principals. Undefined without limits. */
  meter: TurnMeter | undefined
  report: (error: unknown) => void
}

/**
 * The reason of an early end. `stop`: it keeps the text. `discard`: its text leaves the history.
 * `hand-over`: this instance shuts down. `lost`: another instance owns the turn, or the session is gone.
 */
export type TurnEnd = 'stop' | 'discard' | 'hand-over' | 'lost'

/** A running turn, for the functions that do its work. */
export interface RunningTurn {
  readonly claim: Claim
  readonly world: TurnWorld
  readonly signal: AbortSignal
  /** Writes to the log. */
  readonly sink: Sink
  /** The message of the log and of the events that are not in the log yet. */
  fold: MessageFold
  /** The reason of the early end. Undefined until then. */
  readonly endReason: TurnEnd | undefined
  end: (reason: TurnEnd) => void
  emit: (events: readonly AgentEvent[]) => Promise<void>
  /** Appends a finished step of a tool call. Resolves when the log has it. */
  record: (step: StepRecord) => Promise<void>
  /** Waits until the log has all emitted events. */
  flush: () => Promise<void>
  /** Whether tool calls of this turn have tasks, so that its end may have to stop some. */
  hasTasks: boolean
  /** Whether new letters may steer this turn since the last call. */
  takeSteer: () => boolean
}

/** Whether this process must no longer write to the turn. */
export const isGone = ({ endReason }: Pick<RunningTurn, 'endReason'>): boolean =>
  endReason === 'lost' || endReason === 'hand-over'

/** The number of entries of one read. */
const readSize = 1000

/** Returns all entries of a log. */
export async function entriesOf(
  store: LogReader,
  sessionId: string,
  logId: string,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (;;) {
    const page = await store.readLog(sessionId, logId, entries.at(-1)?.id, readSize)
    if (page === undefined) return entries
    entries.push(...page.entries)
    if (page.entries.length < readSize) return entries
  }
}
