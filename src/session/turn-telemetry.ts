/** The telemetry of a turn: its events for operators, with the ids by which the principal knows the session. */
import type { Clock } from '../ground/clock.ts'
import type { Takeover, TurnEnding, TurnLabels } from '../ground/telemetry-events.ts'
import { publish } from '../ground/telemetry.ts'
import { type Claim, type Commit, handedOver } from '../store/turn.ts'
import { namesOf } from './tenant-ids.ts'
import type { TurnEnd } from './turn-world.ts'

type TurnOf = Pick<Claim, 'sessionId' | 'logId' | 'letter'>

/** Publishes that a turn has begun in this instance. Returns the function that publishes its end. */
export function publishTurn(
  claim: TurnOf,
  { instance, clock }: { instance: string; clock: Clock },
): (ending: TurnEnding) => void {
  const started = clock.elapsed()
  const labels = () => labelsOf(claim, instance)
  publish('turn:start', labels, () => [{}, {}])
  return (ending) => {
    publish('turn:stop', labels, () => [{ durationMs: clock.elapsed() - started }, ending])
  }
}

/** @param owner the owner before, as the store has it */
export function publishTakeover(
  claim: TurnOf & Pick<Claim, 'takeovers'>,
  { instance, owner, isHandOver }: { instance: string; owner: string; isHandOver: boolean },
): void {
  const labels = () => labelsOf(claim, instance)
  publish('turn:takeover', labels, () => {
    const takeover: Takeover = {
      from: owner.startsWith(handedOver) ? owner.slice(handedOver.length) : owner,
      reason: isHandOver ? 'hand-over' : 'death',
    }
    return [{ deaths: claim.takeovers.length }, takeover]
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

function labelsOf({ sessionId, logId, letter }: TurnOf, instance: string): TurnLabels {
  const { tenant, id } = namesOf(sessionId)
  return {
    agent: letter.request.agent,
    sessionId: id,
    messageId: logId,
    rootSessionId: id,
    ...(tenant !== '' && { principal: tenant }),
    instance,
  }
}
