/** Turns and their owners in Redis. Each step of the port is one script. */
import { readerFloors, type TurnStore } from '../turn.ts'
import type { Connection } from './connection.ts'
import { agentLines, callKeys, escaped, logKey, rootKeys, sessionKeys } from './keys.ts'
import type { Limits } from './limits.ts'
import type { MessageForm } from './message-form.ts'
import { claimWithLetter, wordOf } from './records.ts'
import { amountsOf, spendingText } from './spent.ts'
import { noteSize } from './storage.ts'
import { summaryText } from './stored-letter.ts'
import { keyOf } from './tasks.ts'

export function redisTurns(connection: Connection, limits: Limits, form: MessageForm): TurnStore {
  return {
    async finish({ sessionId, claim, logId, lastId, instance, agents }, commit) {
      const reply = await connection.run(
        'finish',
        { ...callKeys('finish', sessionId), ...rootKeys(sessionId), log: logKey(sessionId, logId) },
        {
          ...limits,
          instance: escaped(instance),
          agents: agentLines(agents),
          claim,
          lastId,
          state: commit.state,
          error: commit.error ?? '',
          discard: commit.discard === true ? '1' : '',
          messageId: escaped(commit.message?.id ?? ''),
          message: commit.message === undefined ? '' : await form.json(commit.message),
          logTtlMs: commit.logTtlMs,
          task: keyOf(sessionId),
          unfinished: commit.state === 'waiting' ? spendingText(commit.spent) : '',
          spent: amountsOf(commit.spent),
        },
      )
      if (reply.size !== '') noteSize(connection, sessionId, reply.size)
      const status = wordOf(reply.status, ['done', 'lost', 'behind', 'claimed'])
      if (status === 'claimed') return { status: 'done', next: claimWithLetter(sessionId, reply) }
      return status === 'done' && reply.isLeft === '1' ? { status, isLeft: true } : { status }
    },

    async settleAbandoned({ sessionId, claim, logId }, { message, logTtlMs, spent }) {
      const { status } = await connection.run(
        'settle-abandoned',
        {
          ...callKeys('settle-abandoned', sessionId),
          ...rootKeys(sessionId),
          log: logKey(sessionId, logId),
        },
        {
          ...limits,
          claim,
          logId: escaped(logId),
          message: await form.json(message),
          logTtlMs,
          task: keyOf(sessionId),
          spent: amountsOf(spent),
        },
      )
      return wordOf(status, ['done', 'lost'])
    },

    async takeOver(sessionId, claim, { instance, handOver, quietMs = 0 }) {
      // This runs on the connection of the heartbeat, because no other command may delay it between
      // the check of the owner's heartbeat and the takeover.
      const reply = await connection.apart.run('take-over', callKeys('take-over', sessionId), {
        ...limits,
        claim,
        instance: escaped(instance),
        handOver: handOver ? '1' : '',
        quietMs,
      })
      if (reply.claim === '') return undefined
      const claimed = claimWithLetter(sessionId, { ...reply, resumed: '1' })
      return { ...claimed, silentMs: Number(reply.silentMs) }
    },

    async owns(sessionId, claim) {
      const reply = await connection.run('read-session', sessionKeys(sessionId), {})
      return reply.state === 'running' && reply.claim === String(claim)
    },

    async requestStop(sessionId, { logId, tenant, queue = 'run' }) {
      const { done } = await connection.run('request-stop', callKeys('request-stop', sessionId), {
        ...limits,
        tenant: escaped(tenant),
        logId: escaped(logId ?? ''),
        queue,
      })
      return done === '1'
    },

    async saveSummary({ sessionId, claim }, summary) {
      const { status } = await connection.run('save-summary', callKeys('save-summary', sessionId), {
        ...limits,
        claim,
        through: escaped(summary.through),
        summary: summaryText(summary),
      })
      return wordOf(status, ['done', 'gone', 'lost'])
    },

    async noteReader(sessionId, logId, profile) {
      await connection.run('note-reader', sessionKeys(sessionId), {
        logId: escaped(logId),
        profile,
        order: ` ${readerFloors.join(' ')} `,
        lowest: readerFloors[0],
      })
    },
  }
}
