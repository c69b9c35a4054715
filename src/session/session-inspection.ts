/**
 * The inner state of a session for an operator: its owner, its claims, its log, its calls, its queue, its tasks
 * and its cost. It has no text of a message and no input or output of a call. Its size is bounded, also for a
 * session of any length.
 */
import { type Cost, costFields } from '../spending.ts'
import type { InstanceRegister } from '../store/instances.ts'
import type { Letter } from '../store/letter.ts'
import type { LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { SessionRecord, TurnRecord } from '../store/session.ts'
import { handedOver, type Takeover } from '../store/turn.ts'
import type { TaskInfo } from '../task.ts'
import type { Usage } from '../usage.ts'
import {
  type CallInspection,
  inspectionMax,
  inspectLog,
  type LogInspection,
} from './log-inspection.ts'
import { type SessionInfo, sessionInfo } from './session-info.ts'

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
    turn && inspectLog(store, id, turn.logId),
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
