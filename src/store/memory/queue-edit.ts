/** The edit of a letter that waits, in memory. The rules are those of `redis/post.lua`. */
import type { Letter } from '../letter.ts'
import type { PostOptions, PostReply, QueueEdit } from '../mailbox.ts'
import { isTooLarge } from './mailbox-size.ts'
import type { MemorySession, Queued } from './session.ts'
import { bands, enqueue, isForTurn, know } from './session.ts'
import { bandOf, beginNext, interruptFor, knownAs, knownOf } from './turns.ts'
import type { World } from './turns.ts'

/** Applies an edit whose message is not in the history. Returns undefined if the letter is a new message. */
export function editQueued(
  world: World,
  session: MemorySession,
  letter: Letter,
  options: PostOptions & { edit: QueueEdit },
): PostReply | undefined {
  const { id } = letter
  const { key } = options.edit
  const place = knownAs(session, id)
  if (key !== undefined && session.known.has(key)) {
    if (isOther(session, { ...letter, id: key })) return { status: 'taken' }
    // The same edit was posted before.
    if (place !== undefined) return place
  }
  const queued = session.mailbox.find((each) => each.letter.id === id)
  if (queued !== undefined) {
    const reply = replace(world, session, { queued, letter }, options)
    noteEdit(world, session, letter, { reply, options })
    session.updatedAt = world.now()
    world.sessions.put(session)
    return reply
  }
  const isNew = place === undefined || session.known.get(id)?.as === 'withdrawn'
  return isNew ? undefined : { status: 'moved' }
}

/** Remembers the key of an accepted edit. */
export function noteEdit(
  { bounds }: World,
  session: MemorySession,
  letter: Letter,
  { reply: { status }, options: { edit } }: { reply: PostReply; options: PostOptions },
): void {
  if (edit?.key === undefined || (status !== 'claimed' && status !== 'queued')) return
  know(session, edit.key, knownOf(letter), bounds)
}

/** Replaces the waiting letter that has the same id, and ends a hold. */
function replace(
  world: World,
  session: MemorySession,
  { queued, letter }: { queued: Queued; letter: Letter },
  options: PostOptions,
): PostReply {
  const before = queued.letter
  const isSame = before.kind === 'message' && before.replyId === letter.replyId
  if (!isSame || before.cutAt !== undefined) return { status: 'moved' }
  const turn = session.state === 'running' ? session.turn : undefined
  const { whenBusy, agent } = options
  if (turn !== undefined && whenBusy === 'reject') return { status: 'busy' }
  if (isTooLarge(session, letter, options)) return { status: 'full' }
  const waits = whenBusy === 'queue' || (whenBusy === 'steer' && turn === undefined)
  const to = turn === undefined ? bands.urgent : bandOf(letter, whenBusy, turn)
  Object.assign(queued, { letter, agent })
  if (!waits && to !== bands.message) {
    session.mailbox = session.mailbox.filter((each) => each !== queued)
    enqueue(session, Object.assign(queued, { band: to }))
  }
  know(session, letter.id, knownOf(letter), world.bounds)
  session.isHeld = false
  world.hints.give(session.id, 'log')
  if (turn === undefined) return runFirst(world, session, letter, options)
  if (!waits) interruptFor(turn, to, whenBusy)
  world.hints.give(session.id, 'intents')
  const position = session.mailbox.indexOf(queued)
  return { status: 'queued', position, steered: isForTurn(queued) }
}

/** Begins the turn of the first letter, which may be this letter. */
export function runFirst(
  world: World,
  session: MemorySession,
  letter: Letter,
  options: PostOptions,
): PostReply {
  const { next, isLeft } = beginNext(session, options, world)
  world.hints.give(session.id, 'log')
  if (next?.letter.id === letter.id) return { status: 'claimed', claim: next }
  const position = Math.max(
    0,
    session.mailbox.findIndex((each) => each.letter.id === letter.id),
  )
  return {
    status: 'queued',
    position,
    steered: false,
    ...(next && { next }),
    ...(isLeft && { isLeft }),
  }
}

/** Whether the id was posted before with other content. */
export function isOther(session: MemorySession, { id, digest }: Letter): boolean {
  const before = session.known.get(id)?.digest
  return before !== undefined && digest !== undefined && before !== digest
}
