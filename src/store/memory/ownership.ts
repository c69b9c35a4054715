/** The owners of turns in memory, and the ends of turns. */
import { isLowerFloor, type TurnStore } from '../turn.ts'
import type { MemorySession, MemoryTurn } from './session.ts'
import { bury, insertBefore } from './session.ts'
import { noteUnfinished } from './tasks.ts'
import { beginNext, claimOf, commitTurn, fence, spend } from './turns.ts'
import type { World } from './turns.ts'

export function memoryOwnership(world: World): TurnStore {
  const { sessions, hints, bounds, now } = world

  /** Returns the session and its turn if `claim` is the claim of that turn. */
  const owned = (sessionId: string, claim: number) => {
    const session = sessions.get(sessionId)
    const turn = session?.turn
    if (session?.state !== 'running' || turn?.claim !== claim) return undefined
    return { session, turn }
  }

  return {
    async settleAbandoned({ sessionId, claim, logId }, { message, logTtlMs, spent }) {
      const found = owned(sessionId, claim)
      if (found === undefined) return 'lost'
      const { session, turn } = found
      if (turn.abandoned !== logId) return 'done'
      settle(session, turn, message)
      spend(session, spent)
      noteUnfinished(sessions, session)
      sessions.expireLog(session, logId, now() + logTtlMs)
      turn.abandoned = undefined
      sessions.put(session)
      hints.give(sessionId, 'log')
      return 'done'
    },

    async finish({ sessionId, claim, logId, lastId, instance, agents }, commit) {
      const found = owned(sessionId, claim)
      if (found === undefined) return { status: 'lost' }
      const { session, turn } = found
      if (turn.lastId !== lastId) return { status: 'behind' }
      commitTurn(session, turn, commit, bounds)
      noteUnfinished(sessions, session, commit.state === 'waiting' ? commit.spent : undefined)
      if (commit.state === 'idle') sessions.expireLog(session, logId, now() + commit.logTtlMs)
      const next = beginNext(session, { instance, agents }, world)
      sessions.put(session)
      hints.give(sessionId, 'log')
      return { status: 'done', ...next }
    },

    async takeOver(sessionId, claim, { instance, handOver, quietMs = 0 }) {
      const found = owned(sessionId, claim)
      if (found === undefined) return undefined
      const { session, turn } = found
      const quietSinceMs = now() - Math.max(turn.claim, turn.appendedAt)
      if (!handOver && quietSinceMs >= 0 && quietSinceMs < quietMs) return undefined
      if (!handOver) {
        turn.takeovers = [...turn.takeovers, { at: now(), from: turn.owner }].slice(-20)
      }
      turn.owner = instance
      fence(session, turn, world)
      sessions.put(session)
      hints.give(sessionId, 'intents')
      hints.give(sessionId, 'log')
      return { ...claimOf(session, turn, true), silentMs: Math.max(0, quietSinceMs) }
    },

    async saveSummary({ sessionId, claim }, summary) {
      const found = owned(sessionId, claim)
      if (found === undefined) return 'lost'
      const { session } = found
      if (!session.history.has(summary.through)) return 'gone'
      session.summary = summary
      sessions.put(session)
      return 'done'
    },

    async owns(sessionId, claim) {
      return owned(sessionId, claim) !== undefined
    },

    async requestStop(sessionId, { logId, tenant, queue = 'run' }) {
      const session = sessions.get(sessionId)
      const turn = session?.turn
      if (session?.tenant !== tenant) return false
      if (logId !== undefined && logId !== turn?.logId) return false
      if (queue === 'clear') {
        for (const { letter } of session.mailbox) bury(session, letter.id, 'withdrawn', bounds)
        session.mailbox = []
        hints.give(sessionId, 'log')
      }
      if (session.state !== 'running' || !turn) return false
      session.isHeld = queue === 'hold'
      turn.stop ??= 'keep'
      sessions.put(session)
      hints.give(sessionId, 'intents')
      return true
    },

    async noteReader(sessionId, logId, profile) {
      const session = sessions.get(sessionId)
      const turn = session?.turn
      const isOpen = session?.state === 'running' || session?.state === 'waiting'
      if (!isOpen || turn?.logId !== logId) return
      if (turn.floor === undefined || isLowerFloor(profile, turn.floor)) turn.floor = profile
    },
  }
}

/** Puts the message where it was, before the message that found it waiting, or into the branch that this one cut. */
function settle(
  session: MemorySession,
  turn: MemoryTurn,
  message: Parameters<typeof insertBefore>[1],
) {
  if (turn.cutInto === undefined || session.history.has(message.id)) {
    insertBefore(session, message, turn.letter.message?.id ?? '')
    return
  }
  const { messages } = turn.cutInto
  const at = messages.findIndex(({ id }) => id === message.id)
  turn.cutInto.messages = at === -1 ? [...messages, message] : messages.with(at, message)
}
