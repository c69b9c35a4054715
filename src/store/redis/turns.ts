/** Mailbox and turns in Redis: what is one step for the port is one script. */
import { storedJson } from '../../ground/json/pieces.ts'
import type { Letter } from '../letter.ts'
import type { LogWriter } from '../log.ts'
import type { MailboxStore, PostReply } from '../mailbox.ts'
import { readerFloors, type TurnStore } from '../turn.ts'
import type { createAppends } from './appends.ts'
import type { Connection } from './connection.ts'
import { agentText, escaped, logKey, replyKey, sessionKeys, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { listSession } from './list.ts'
import {
  claimOf,
  claimWithLetter,
  lettersIn,
  letterText,
  seedOf,
  summaryText,
  wordOf,
} from './records.ts'
import type { Reply, ScriptName, Signatures } from './signature.ts'
import { amountsOf } from './spent.ts'

export function redisTurns(
  connection: Connection,
  limits: Limits,
  append: ReturnType<typeof createAppends>,
): MailboxStore & TurnStore & LogWriter {
  const keys = (script: ScriptName, sessionId: string, nonce: string) => ({
    ...sessionKeys(sessionId),
    reply: replyKey(sessionId, script, nonce),
  })

  return {
    append,

    async post(sessionId, letter, options) {
      listSession(connection, limits, { tenant: options.tenant, sessionId })
      const reply = await connection.run('post', keys('post', sessionId, options.nonce), {
        ...limits,
        instance: escaped(options.instance),
        agents: agentLines(options.agents),
        tenant: escaped(options.tenant),
        agent: options.agent,
        whenBusy: options.whenBusy,
        mailboxLimit: options.mailboxLimit,
        id: escaped(letter.id),
        cutAt: escaped(letter.cutAt ?? ''),
        digest: letter.digest ?? '',
        edits: options.edit === undefined ? '' : '1',
        key: escaped(options.edit?.key ?? ''),
        letter: await letterText(letter, options.agent),
        seed: await seedOf(options.seed ?? []),
      })
      return postReply(sessionId, letter, reply)
    },

    async withdraw(sessionId, letterId, { nonce, tenant }) {
      const { done } = await connection.run('withdraw', keys('withdraw', sessionId, nonce), {
        ...limits,
        tenant: escaped(tenant),
        id: escaped(letterId),
      })
      return done === '1'
    },

    async mailbox(sessionId) {
      const { letters } = await connection.read('read-mailbox', sessionKeys(sessionId), {})
      return lettersIn(letters)
    },

    async findLetter(sessionId, letterId) {
      const { as, replyId } = await connection.run('read-letter', sessionKeys(sessionId), {
        id: escaped(letterId),
      })
      if (as === '') return undefined
      return { as: wordOf(as, placeWords), replyId: unescaped(replyId) }
    },

    async takeSteered({ sessionId, claim, nonce }) {
      const reply = await connection.run('take-steered', keys('take-steered', sessionId, nonce), {
        ...limits,
        claim,
      })
      return reply.status === 'lost' ? 'lost' : lettersIn(reply.letters)
    },

    async settleAbandoned({ sessionId, claim, logId, nonce }, { message, logTtlMs, spent }) {
      const { status } = await connection.run(
        'settle-abandoned',
        { ...keys('settle-abandoned', sessionId, nonce), log: logKey(sessionId, logId) },
        {
          ...limits,
          claim,
          logId: escaped(logId),
          message: await storedJson(message),
          logTtlMs,
          spent: amountsOf(spent),
        },
      )
      return wordOf(status, ['done', 'lost'])
    },

    async saveSummary({ sessionId, claim, nonce }, summary) {
      const { status } = await connection.run(
        'save-summary',
        keys('save-summary', sessionId, nonce),
        {
          ...limits,
          claim,
          through: escaped(summary.through),
          summary: summaryText(summary),
        },
      )
      return wordOf(status, ['done', 'gone', 'lost'])
    },

    async finish({ sessionId, claim, logId, lastId, nonce, instance, agents }, commit) {
      const reply = await connection.run(
        'finish',
        { ...keys('finish', sessionId, nonce), log: logKey(sessionId, logId) },
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
          message: commit.message === undefined ? '' : await storedJson(commit.message),
          logTtlMs: commit.logTtlMs,
          spent: amountsOf(commit.spent),
        },
      )
      const status = wordOf(reply.status, ['done', 'lost', 'behind', 'claimed'])
      if (status === 'claimed') return { status: 'done', next: claimWithLetter(sessionId, reply) }
      return status === 'done' && reply.isLeft === '1' ? { status, isLeft: true } : { status }
    },

    async takeOver(sessionId, claim, { nonce, instance, handOver, quietMs = 0 }) {
      // Apart: between the look at the owner's heartbeat and the takeover there must be no queue.
      const reply = await connection.apart.run('take-over', keys('take-over', sessionId, nonce), {
        ...limits,
        claim,
        instance: escaped(instance),
        handOver: handOver ? '1' : '',
        quietMs,
      })
      if (reply.claim === '') return undefined
      return claimWithLetter(sessionId, { ...reply, resumed: '1' })
    },

    async owns(sessionId, claim) {
      const reply = await connection.run('read-session', sessionKeys(sessionId), {})
      return reply.state === 'running' && reply.claim === String(claim)
    },

    async requestStop(sessionId, { logId, nonce, tenant, queue = 'run' }) {
      const { done } = await connection.run(
        'request-stop',
        keys('request-stop', sessionId, nonce),
        { ...limits, tenant: escaped(tenant), logId: escaped(logId ?? ''), queue },
      )
      return done === '1'
    },

    async runQueue(sessionId, { nonce, tenant, instance, agents }) {
      const reply = await connection.run('run-queue', keys('run-queue', sessionId, nonce), {
        ...limits,
        instance: escaped(instance),
        agents: agentLines(agents),
        tenant: escaped(tenant),
      })
      const isRunning = reply.running === '1'
      if (reply.claim !== '') return { isRunning, next: claimWithLetter(sessionId, reply) }
      return reply.isLeft === '1' ? { isRunning, isLeft: true } : { isRunning }
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

function postReply(sessionId: string, letter: Letter, reply: Reply<Signatures['post']>): PostReply {
  const status = wordOf(reply.status, postWords)
  switch (status) {
    case 'claimed':
      return { status, claim: claimOf(sessionId, reply, letter) }
    case 'queued':
      return {
        status,
        position: Number(reply.position),
        steered: reply.steered === '1',
        ...(reply.claim !== '' && { next: nextClaim(sessionId, reply) }),
        ...(reply.isLeft === '1' && { isLeft: true }),
      }
    case 'known':
      return { status, as: wordOf(reply.as, knownWords), replyId: unescaped(reply.replyId) }
    case 'taken':
    case 'moved':
    case 'busy':
    case 'full':
    case 'foreign':
    case 'refused':
    case 'unknown':
      return { status }
  }
}

const nextClaim = (sessionId: string, reply: Reply<Signatures['post']>) =>
  claimWithLetter(sessionId, { ...reply, letter: reply.nextLetter, message: reply.nextMessage })

/** As `part/claim.lua` reads them. */
const agentLines = (agents: readonly string[] | undefined) =>
  agents === undefined ? '' : `\n${agents.map(agentText).join('\n')}\n`

const postWords = [
  'claimed',
  'queued',
  'known',
  'taken',
  'moved',
  'busy',
  'full',
  'foreign',
  'refused',
  'unknown',
] as const
const placeWords = ['queued', 'done', 'withdrawn', 'cut'] as const
const knownWords = ['queued', 'running', 'done', 'withdrawn', 'cut'] as const
