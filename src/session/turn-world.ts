/** What a turn is given by the instance that runs it, and what its parts share while it runs. */
import type { Agent, TimeLimits } from '../agent.ts'
import type { AgentEvent } from '../event.ts'
import type { MessageFold } from '../message-fold.ts'
import type { ModelReference, Models } from '../model.ts'
import type { Breakers } from '../runner/compaction/breaker.ts'
import type { Sink } from '../sink.ts'
import type { HintSource } from '../store/hint.ts'
import type { LogEntry, LogReader, LogWriter } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionReader } from '../store/session.ts'
import type { Claim, TurnStore } from '../store/turn.ts'
import type { LocalTails } from './local-tail.ts'

export interface TurnWorld {
  store: MailboxStore & TurnStore & LogWriter & LogReader & SessionReader & HintSource
  tails: LocalTails
  instance: string
  agentOf: (name: string) => Agent | undefined
  /** The names of the agents that this instance has. */
  agents: readonly string[]
  /** Of the sessions whose turns run here. */
  breakers: Breakers
  models: Models
  defaultModel: ModelReference
  limits: TimeLimits
  flushMs: number
  patienceMs: number
  logTtlMs: number
  /** Awaited before each model call and each tool call: rejects when the claim may be another's. */
  mayStart: (claim: Claim) => Promise<void>
  report: (error: unknown) => void
}

/** How a turn is told to end from outside. */
export type TurnEnd = 'stop' | 'discard' | 'hand-over' | 'lost'

/** A running turn, as those see it who do its work. */
export interface RunningTurn {
  readonly claim: Claim
  readonly world: TurnWorld
  readonly signal: AbortSignal
  /** Writes to the log. */
  readonly sink: Sink
  /** The message as it is in the log, and what is being added. */
  fold: MessageFold
  /** Why the turn is to end, once it is. */
  readonly ending: TurnEnd | undefined
  end: (reason: TurnEnd) => void
  emit: (events: readonly AgentEvent[]) => Promise<void>
  /** Settles when all that was emitted is in the log. */
  flush: () => Promise<void>
  /** Whether letters may have been steered to this turn since this was asked last. */
  takeSteer: () => boolean
}

/** Whether the turn is no longer this process's to write. */
export const isGone = ({ ending }: Pick<RunningTurn, 'ending'>): boolean =>
  ending === 'lost' || ending === 'hand-over'

/** Everything that a log holds. */
export async function entriesOf(
  store: LogReader,
  sessionId: string,
  logId: string,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for (;;) {
    const page = await store.readLog(sessionId, logId, entries.at(-1)?.id, 1000)
    if (page === undefined || page.entries.length === 0) return entries
    entries.push(...page.entries)
  }
}
