/** The telemetry of a turn: its events for operators, with the ids by which the principal knows the session. */
import type {
  Takeover,
  TelemetryEvent,
  TurnEnding,
  TurnLabels,
} from '../ground/telemetry-events.ts'
import { hasSubscriber, publish } from '../ground/telemetry.ts'
import { inTrace, type TraceHeaders, turnName } from '../ground/trace.ts'
import { isTaskId, rootOf } from '../store/task.ts'
import { type Claim, type Commit, handedOver } from '../store/turn.ts'
import { namesOf, publicId } from './tenant-ids.ts'
import type { TurnEnd, TurnWorld } from './turn-world.ts'

type World = Pick<TurnWorld, 'instance' | 'clock' | 'tasks'>

/** A turn whose start was published. */
export interface PublishedTurn {
  /** Runs the work of the turn as a part of its trace. */
  within: <RESULT>(work: () => RESULT) => RESULT
  /** Publishes the end of the turn. */
  end: (ending: TurnEnding) => void
}

/** Publishes that a turn has begun in this instance. */
export async function publishTurn(claim: Claim, world: World): Promise<PublishedTurn> {
  const { clock } = world
  const started = clock.elapsed()
  const labels = await labelsFor(claim, world, ['turn:start', 'turn:stop'])
  publish('turn:start', labels, () => [waitOf(claim), traceOf(claim)])
  return {
    within: (work) => inTrace(() => ({ type: 'turn', turn: turnName(labels()) }), work),
    end(ending) {
      publish('turn:stop', labels, () => [{ durationMs: clock.elapsed() - started }, ending])
    },
  }
}

function traceOf({ letter: { request } }: Claim): TraceHeaders {
  const { traceparent, tracestate } = request
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  }
}

/** A turn that was taken over has begun before, so its letter does not wait any more. */
function waitOf({ letter, silentMs }: Claim): { waitMs?: number } {
  const { postedAt } = letter.request
  if (postedAt === undefined || silentMs !== undefined) return {}
  // The clocks of two instances differ a little.
  return { waitMs: Math.max(0, Date.now() - postedAt) }
}

/** @param owner the earlier owner, as the store has it */
export async function publishTakeover(
  claim: Claim,
  world: World,
  { owner, isHandOver }: { owner: string; isHandOver: boolean },
): Promise<void> {
  const labels = await labelsFor(claim, world, ['turn:takeover'])
  publish('turn:takeover', labels, () => {
    const takeover: Takeover = {
      from: owner.startsWith(handedOver) ? owner.slice(handedOver.length) : owner,
      reason: isHandOver ? 'hand-over' : 'death',
    }
    const { silentMs, takeovers } = claim
    return [{ deaths: takeovers.length, ...(silentMs !== undefined && { silentMs }) }, takeover]
  })
}

/** Without a commit, the turn is not over: an instance looks for it and continues it. */
export function turnEnding(endReason: TurnEnd | undefined, commit: Commit | undefined): TurnEnding {
  if (endReason !== undefined) return { reason: endReason }
  if (commit === undefined) return { reason: 'error' }
  const { state, error } = commit
  if (error !== undefined) return { reason: 'error', error }
  return { reason: state === 'waiting' ? 'waiting' : 'finished' }
}

/** Reads the parent of a task from the store, if one of these events has a subscriber. */
async function labelsFor(
  { sessionId, logId, letter }: Claim,
  { instance, tasks }: World,
  events: readonly TelemetryEvent[],
): Promise<() => TurnLabels> {
  const task =
    isTaskId(sessionId) && events.some(hasSubscriber)
      ? // Telemetry must not end a turn. Without the store, the turn itself reports the failure.
        await tasks().then(
          (opened) => opened.taskOf(sessionId).catch(() => undefined),
          () => undefined,
        )
      : undefined
  return () => {
    const { tenant, id } = namesOf(sessionId)
    return {
      // The letter of a task names the agent of its root.
      agent: task?.agent ?? letter.request.agent,
      sessionId: id,
      messageId: logId,
      ...(task !== undefined && { parentSessionId: publicId(tenant, task.parent) }),
      rootSessionId: isTaskId(sessionId) ? rootOf(id) : id,
      ...(tenant !== '' && { principal: tenant }),
      instance,
    }
  }
}
