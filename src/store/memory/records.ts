/** Sessions in memory: reading, listing, forking, deleting. */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { UIMessage } from 'ai'

import { historyAt } from '../branches.ts'
import { isListedFor } from '../member.ts'
import { firstDueAt } from '../schedule.ts'
import type { SessionRecord, SessionStore } from '../session.ts'
import type { StorageMeter } from '../storage.ts'
import { isTaskId } from '../task.ts'
import { titleOf } from '../title.ts'
import type { MemorySession } from './session.ts'
import { bytesOf, createSession, know, putMessage, sharedOf } from './session.ts'
import type { World } from './turns.ts'

/** The number of sessions that one turn of the event loop reads. It takes about a millisecond. */
const portion = 500

export function memoryRecords(world: World): SessionStore & Pick<StorageMeter, 'noteFileBytes'> {
  const { sessions, hints, bounds, now, nextUse } = world
  return {
    async sessions(sessionIds) {
      const records: (SessionRecord | undefined)[] = []
      for (let at = 0; at < sessionIds.length; at += portion) {
        if (at > 0) await nextTurn()
        for (const id of sessionIds.slice(at, at + portion)) {
          const session = sessions.get(id)
          records.push(session && recordOf(session))
        }
      }
      return records
    },

    async session(sessionId) {
      const session = sessions.get(sessionId)
      return session && recordOf(session)
    },

    async isDeleted(sessionId) {
      return sessions.get(sessionId)?.state === 'deleted'
    },

    async messages(sessionId) {
      const session = sessions.get(sessionId)
      return session ? finishedMessages(session) : []
    },

    async messagePage(sessionId, { limit, before }) {
      const session = sessions.get(sessionId)
      const all = session ? finishedMessages(session) : []
      const isAtEnd = before === undefined || (session && before === unfinishedId(session))
      const end = isAtEnd === true ? all.length : all.findLastIndex(({ id }) => id === before)
      if (end === -1) return undefined
      const start = Math.max(end - limit, 0)
      return { messages: all.slice(start, end), hasEarlier: start > 0 }
    },

    async context(sessionId) {
      const session = sessions.get(sessionId)
      const messages = session ? finishedMessages(session) : []
      const { summary } = session ?? {}
      const context = session?.state === 'idle' ? session.context : session?.turn?.context
      const end = messages.findLastIndex(({ id }) => id === summary?.through)
      return {
        ...(summary !== undefined && end !== -1 && { summary }),
        ...(context !== undefined && { context }),
        messages: messages.slice(end + 1),
      }
    },

    async branches(sessionId) {
      return sessions.get(sessionId)?.branches.map((branch) => ({ ...branch })) ?? []
    },

    async fork(sessionId, { newId, branch, through, tenant, subject, agent }) {
      const session = sessions.get(sessionId)
      if (session?.tenant !== tenant || session.state === 'deleted') return false
      const messages = forkedMessages(session, { branch, through })
      const existing = sessions.get(newId)
      const isTaken = isTaskId(newId) || (existing !== undefined && existing.state !== 'deleted')
      if (messages === undefined || isTaken) return false
      const former = existing
      const of = agent ?? session.agent
      const copy = createSession({ id: newId, tenant, subject, agent: of, at: now(), former })
      copy.usedAt = nextUse()
      for (const message of messages) {
        putMessage(copy, message)
        know(copy, message.id, { as: 'done', replyId: '' }, bounds)
      }
      const { summary } = session
      copy.context = session.context
      // Before a cut, the history may have had another message with the same id.
      if (branch === undefined && copy.history.has(summary?.through ?? '')) copy.summary = summary
      sessions.put(copy)
      return true
    },

    async setMembers(sessionId, members, { tenant }) {
      const session = sessions.get(sessionId)
      if (session?.tenant !== tenant || session.state === 'deleted') return false
      session.members = [...members]
      sessions.put(session)
      hints.give(sessionId, 'log')
      return true
    },

    async noteFileBytes(sessionId, bytes) {
      const session = sessions.get(sessionId)
      if (session === undefined || session.state === 'deleted') return
      session.fileBytes = bytes
      sessions.put(session)
    },

    async remove(sessionId, { tenant, unusedSince }) {
      const session = sessions.get(sessionId)
      if (session?.tenant !== tenant || session.state === 'deleted') return false
      const isUsed = session.state === 'running' || session.updatedAt !== unusedSince
      if (unusedSince !== undefined && isUsed) return false
      // A new session with this id locks out the late writers of the deleted one.
      const { agent } = session
      const mark = createSession({ id: sessionId, tenant, agent, at: now(), former: session })
      mark.state = 'deleted'
      // From now on, no task of the tree can begin.
      mark.tree?.clear()
      sessions.put(mark)
      hints.give(sessionId, 'intents')
      hints.give(sessionId, 'log')
      return true
    },

    async list(tenant, { limit, before = Infinity, subject }) {
      const ofTenant = [...sessions.all()]
        .filter(
          ({ id, tenant: owner, usedAt }) => owner === tenant && usedAt < before && !isTaskId(id),
        )
        .filter((session) => isListedFor(sharedOf(session), subject))
        .sort((a, b) => b.usedAt - a.usedAt)
      const records = ofTenant.flatMap((session) => recordOf(session) ?? []).slice(0, limit)
      const last = ofTenant.find(({ id }) => id === records.at(-1)?.id)
      const isFull = records.length === limit && last !== undefined
      return { sessions: records, ...(isFull && { before: last.usedAt }) }
    },
  }
}

export function recordOf(session: MemorySession): SessionRecord | undefined {
  const { id, tenant, agent, state, createdAt, updatedAt, error, spent, turn } = session
  const { unfinishedSpent, tree } = session
  if (state === 'deleted') return undefined
  const nextDueAt = firstDueAt(session.schedules.values())
  const title = titleOf(session.history.values())
  const bytes = bytesOf(session)
  return {
    id,
    tenant,
    ...sharedOf(session),
    agent,
    ...(title !== undefined && { title }),
    state,
    createdAt,
    updatedAt,
    queued: session.mailbox.length,
    ...(session.isHeld && session.mailbox.length > 0 && { held: true }),
    ...(bytes > 0 && { bytes }),
    ...(spent !== undefined && { spent }),
    ...(unfinishedSpent !== undefined && { unfinishedSpent }),
    ...(tree?.hasBegun === true && { hasTasks: true }),
    ...(error !== undefined && { error }),
    ...(nextDueAt !== undefined && { nextDueAt }),
    ...(turn && {
      turn: {
        claim: turn.claim,
        owner: turn.owner,
        agent: turn.agent,
        logId: turn.logId,
        letterId: turn.letter.id,
        lastId: turn.lastId,
        startedAt: turn.startedAt,
        ...(turn.takeovers.length > 0 && { takeovers: turn.takeovers }),
        ...(turn.floor !== undefined && { floor: turn.floor }),
        ...(turn.stop !== undefined && { stop: turn.stop }),
      },
    }),
  }
}

/** Leaves out the unfinished answer, which a reader gets from its log. */
export type ForkOptions = Parameters<SessionStore['fork']>[1]

/** Returns the messages of a fork; undefined if there is no such branch or message. */
export function forkedMessages(
  session: MemorySession,
  place: Parameters<typeof historyAt>[1],
): UIMessage[] | undefined {
  return historyAt({ history: finishedMessages(session), branches: session.branches }, place)
}

function finishedMessages(session: MemorySession) {
  const unfinished = unfinishedId(session)
  return [...session.history.values()].filter(({ id }) => id !== unfinished)
}

const unfinishedId = ({ state, turn }: MemorySession) =>
  state === 'idle' ? undefined : turn?.logId
