/** Mailboxes in memory. */
import { contextAfter } from '../context.ts'
import type { Letter } from '../letter.ts'
import type { MailboxStore, PostOptions, PostReply } from '../mailbox.ts'
import { mayWrite } from '../member.ts'
import { isTaskId } from '../task.ts'
import { isTooLarge } from './mailbox-size.ts'
import { editQueued, isOther, noteEdit, runFirst } from './queue-edit.ts'
import type { MemorySession } from './session.ts'
import {
  bands,
  bury,
  createSession,
  enqueue,
  isForTurn,
  know,
  putMessage,
  sharedOf,
} from './session.ts'
import { hasTask } from './tasks.ts'
import { begin, beginNext, enter, knownAs, knownOf, postBusy } from './turns.ts'
import type { World } from './turns.ts'

export function memoryMailbox(world: World): MailboxStore {
  const { sessions, hints, bounds } = world
  return {
    post: async (sessionId, letter, options) => post(world, sessionId, letter, options),

    async withdraw(sessionId, letterId, { tenant }) {
      const session = sessions.get(sessionId)
      const at = session?.mailbox.findIndex(({ letter }) => letter.id === letterId) ?? -1
      if (session?.tenant !== tenant || at === -1) return false
      session.mailbox.splice(at, 1)
      bury(session, letterId, 'withdrawn', bounds)
      sessions.put(session)
      hints.give(sessionId, 'log')
      return true
    },

    async mailbox(sessionId) {
      return sessions.get(sessionId)?.mailbox.map(({ letter }) => letter) ?? []
    },

    async findLetter(sessionId, letterId) {
      const session = sessions.get(sessionId)
      const queued = session?.mailbox.find(({ letter }) => letter.id === letterId)
      if (queued === undefined) return session?.known.get(letterId)
      return { as: 'queued', replyId: queued.letter.replyId }
    },

    async takeSteered({ sessionId, claim }) {
      const session = sessions.get(sessionId)
      const turn = session?.turn
      if (session?.state !== 'running' || turn?.claim !== claim) return 'lost'
      const steered = session.mailbox.filter(isForTurn)
      session.mailbox = session.mailbox.filter((queued) => !isForTurn(queued))
      for (const { letter } of steered) {
        enter(session, letter, turn, bounds)
        session.context = contextAfter(letter.context, session.context)
        know(session, letter.id, { as: 'done', replyId: turn.logId }, bounds)
      }
      sessions.put(session)
      hints.give(sessionId, 'log')
      return steered.map(({ letter }) => letter)
    },

    async runQueue(sessionId, { tenant, ...to }) {
      const session = sessions.get(sessionId)
      if (session?.tenant !== tenant || session.state === 'deleted') return { isRunning: false }
      session.isHeld = false
      const reply = session.state === 'running' ? {} : beginNext(session, to, world)
      sessions.put(session)
      hints.give(sessionId, 'log')
      // Letters may be dropped, and a turn may begin for another instance.
      return { ...reply, isRunning: isRunning(session) }
    },
  }
}

function post(world: World, sessionId: string, letter: Letter, options: PostOptions): PostReply {
  const found = world.sessions.get(sessionId)
  if (isTaskId(sessionId) && !hasTask(world.sessions, sessionId)) return { status: 'gone' }
  const exists = found !== undefined && found.state !== 'deleted'
  if (exists) {
    if (found.tenant !== options.tenant || !mayWrite(sharedOf(found), options.writer))
      return { status: 'foreign' }
    found.usedAt = world.nextUse()
    const { edit } = options
    const known = edit
      ? editQueued(world, found, letter, { ...options, edit })
      : knownLetter(found, letter)
    if (known !== undefined) return known
  } else if (options.isResult === true || options.beginsNone === true) return { status: 'gone' }
  const session = exists ? found : sessionWithSeed(world, sessionId, options, found)
  if (isRefused(session, letter)) return { status: 'refused' }
  const reply = accept(world, session, letter, options)
  noteEdit(world, session, letter, { reply, options })
  session.updatedAt = world.now()
  world.sessions.put(session)
  return reply
}

function knownLetter(session: MemorySession, letter: Letter): PostReply | undefined {
  const known = knownAs(session, letter.id)
  if (known === undefined) return undefined
  return isOther(session, letter) ? { status: 'taken' } : known
}

const isRunning = ({ state }: MemorySession) => state === 'running'

function accept(
  world: World,
  session: MemorySession,
  letter: Letter,
  options: PostOptions,
): PostReply {
  const { state, turn } = session
  if (state !== 'running' || turn === undefined) {
    if (options.isResult === true && (state === 'waiting' || session.mailbox.length > 0)) {
      return postResult(world, session, letter, options)
    }
    const isBehind = isBehindHeld(session, letter, options)
    if (isBehind && isTooLarge(session, letter, options)) return { status: 'full' }
    know(session, letter.id, knownOf(letter), world.bounds)
    session.isHeld = false
    if (isBehind) return runBefore(world, session, letter, options)
    const claim = begin(session, { letter, agent: options.agent }, options.instance, world)
    world.hints.give(session.id, 'log')
    return { status: 'claimed', claim }
  }
  const reply = postBusy(session, { turn, letter }, options, world)
  if (reply.status === 'queued') {
    if (options.isResult !== true) session.isHeld = false
    world.hints.give(session.id, 'log')
    world.hints.give(session.id, 'intents')
  }
  return reply
}

/** A result waits behind the letters that a stop held, and while a message waits for an answer. */
function postResult(
  { bounds, hints }: World,
  session: MemorySession,
  letter: Letter,
  { agent, mailboxLimit }: PostOptions,
): PostReply {
  if (session.mailbox.length >= mailboxLimit) return { status: 'full' }
  const position = enqueue(session, { letter, agent, band: bands.result })
  know(session, letter.id, knownOf(letter), bounds)
  hints.give(session.id, 'log')
  return { status: 'queued', position, steered: false }
}

/** The letters that a stop held come first, except for a letter that does not wait for others. */
const isBehindHeld = (
  session: MemorySession,
  { kind, cutAt }: Letter,
  { whenBusy }: PostOptions,
): boolean =>
  session.mailbox.length > 0 &&
  kind === 'message' &&
  cutAt === undefined &&
  (whenBusy === 'queue' || whenBusy === 'steer')

/** Another letter leaves the mailbox in the same step, so this one never exceeds its number of letters. */
function runBefore(
  world: World,
  session: MemorySession,
  letter: Letter,
  options: PostOptions,
): PostReply {
  enqueue(session, { letter, agent: options.agent, band: bands.message })
  return runFirst(world, session, letter, options)
}

function isRefused(session: MemorySession, { kind, cutAt, replyId }: Letter): boolean {
  const isOpen = session.state === 'running' || session.state === 'waiting'
  if (kind === 'answer') return !isOpen || session.turn?.logId !== replyId
  if (cutAt === undefined || session.history.has(cutAt)) return false
  // A running answer can be cut when it is finished.
  return !(isOpen && session.turn?.logId === cutAt)
}

/** Makes a session that is not in the table yet. */
function sessionWithSeed(
  { now, nextUse, bounds }: World,
  id: string,
  { tenant, subject, agent, seed }: PostOptions,
  former: MemorySession | undefined,
) {
  const session = createSession({ id, tenant, subject, agent, at: now(), former })
  session.usedAt = nextUse()
  for (const message of seed ?? []) {
    putMessage(session, message)
    know(session, message.id, { as: 'done', replyId: '' }, bounds)
  }
  return session
}
