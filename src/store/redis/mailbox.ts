/** The mailbox in Redis. Each step of the port is one script. */
import type { Letter } from '../letter.ts'
import type { MailboxStore, PostOptions, PostReply } from '../mailbox.ts'
import type { Connection } from './connection.ts'
import { agentLines, callKeys, escaped, rootTasksKey, sessionKeys, unescaped } from './keys.ts'
import type { Limits } from './limits.ts'
import { noteUse } from './list.ts'
import type { MessageForm } from './message-form.ts'
import { claimOf, claimWithLetter, wordOf } from './records.ts'
import { noteAgent } from './retention.ts'
import { renewSegments } from './shared-messages.ts'
import type { Reply, Signatures } from './signature.ts'
import { noteSize } from './storage.ts'
import { lettersIn, letterText, seedOf } from './stored-letter.ts'
import { keyOf } from './tasks.ts'

export function redisMailbox(
  connection: Connection,
  limits: Limits,
  form: MessageForm,
): MailboxStore {
  return {
    async post(sessionId, letter, options) {
      const { tenant, subject = '', listedFor = subject === '' ? [] : [subject] } = options
      noteUse(connection, limits, { tenant, sessionId, subjects: listedFor })
      noteAgent(connection, limits, { agent: options.agent, sessionId })
      const rootTasks = rootTasksKey(sessionId)
      const keys = { ...callKeys('post', sessionId), rootTasks }
      const reply = await connection.run('post', keys, {
        ...limits,
        instance: escaped(options.instance),
        agents: agentLines(options.agents),
        tenant: escaped(tenant),
        subject: escaped(subject),
        writer: escaped(options.writer ?? ''),
        agent: options.agent,
        task: keyOf(sessionId),
        isResult: options.isResult === true ? '1' : '',
        beginsNone: options.isResult === true || options.beginsNone === true ? '1' : '',
        whenBusy: options.whenBusy,
        mailboxLimit: options.mailboxLimit,
        mailboxBytesMax: bytesMaxOf(options),
        id: escaped(letter.id),
        cutAt: escaped(letter.cutAt ?? ''),
        digest: letter.digest ?? '',
        edits: options.edit === undefined ? '' : '1',
        key: escaped(options.edit?.key ?? ''),
        letter: await letterText(letter, { agent: options.agent, seed: options.seed, form }),
        seed: await seedOf(options.seed ?? [], form),
      })
      renewSegments(connection, limits, { sessionId, shared: reply.shared })
      if (reply.size !== '') noteSize(connection, sessionId, reply.size)
      return postReply(sessionId, letter, reply)
    },

    async withdraw(sessionId, letterId, { tenant }) {
      const { done } = await connection.run('withdraw', callKeys('withdraw', sessionId), {
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

    async takeSteered({ sessionId, claim }) {
      const reply = await connection.run('take-steered', callKeys('take-steered', sessionId), {
        ...limits,
        claim,
      })
      return reply.status === 'lost' ? 'lost' : lettersIn(reply.letters)
    },

    async runQueue(sessionId, { tenant, instance, agents }) {
      const reply = await connection.run('run-queue', callKeys('run-queue', sessionId), {
        ...limits,
        instance: escaped(instance),
        agents: agentLines(agents),
        tenant: escaped(tenant),
      })
      const isRunning = reply.running === '1'
      if (reply.claim !== '') return { isRunning, next: claimWithLetter(sessionId, reply) }
      return reply.isLeft === '1' ? { isRunning, isLeft: true } : { isRunning }
    },
  }
}

/** '' for no maximum. */
const bytesMaxOf = ({ mailboxBytesMax = Infinity }: PostOptions) =>
  mailboxBytesMax === Infinity ? '' : mailboxBytesMax

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
    case 'gone':
    case 'foreign':
    case 'refused':
    case 'unknown':
      return { status }
  }
}

const nextClaim = (sessionId: string, reply: Reply<Signatures['post']>) =>
  claimWithLetter(sessionId, { ...reply, letter: reply.nextLetter, message: reply.nextMessage })

const postWords = [
  'claimed',
  'queued',
  'known',
  'taken',
  'moved',
  'busy',
  'full',
  'gone',
  'foreign',
  'refused',
  'unknown',
] as const
const placeWords = ['queued', 'done', 'withdrawn', 'cut'] as const
const knownWords = ['queued', 'running', 'done', 'withdrawn', 'cut'] as const
