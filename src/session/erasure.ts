/**
 * The erasure of a tenant or of a subject. A running turn stops first. A repetition after a crash continues, because
 * the record of each session is removed last.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../ground/error.ts'
import type { Sessions } from '../sessions.ts'
import type { DataOwner } from '../store/erasure.ts'
import { taskKey } from '../store/task.ts'
import { stopSession } from './session-stop.ts'

/** What an erasure removed. */
export interface Erasure {
  /** The ids of the sessions in the store, without tasks. */
  sessionIds: string[]
  /** The number of tasks below these sessions. */
  tasks: number
  /** The number of messages in the histories of the sessions and tasks. */
  messages: number
  /** The number of keys, files or records in the store. */
  keys: number
  /** The number of counters of limits by their kind, such as `requests`. */
  counters: Record<string, number>
  /** The number of sessions of others from whose members the subject was removed. */
  memberships: number
  /** The number of sessions and keys that a last look found again. */
  left: number
}

/** The looks for sessions that began meanwhile. */
const roundsMax = 3

/** The longest wait for the end of a turn. After it, the turn loses its session. In milliseconds. */
const turnEndMs = 5000
const lookEveryMs = 25

/** The number of sessions that the store erases together. */
const portion = 100

export async function eraseOwner(sessions: Sessions, owner: DataOwner): Promise<Erasure> {
  const erased: Erasure = {
    sessionIds: [],
    tasks: 0,
    messages: 0,
    keys: 0,
    counters: {},
    memberships: await leaveAll(sessions, owner),
    left: 0,
  }
  for (let round = 0; round < roundsMax; round++) {
    const ids = await sessions.ownedSessions(owner)
    if (round > 0 && ids.length === 0) break
    erased.left = 0
    for (let at = 0; at < Math.max(ids.length, 1); at += portion) {
      const some = ids.slice(at, at + portion)
      for (const id of some) await settled(sessions, { id, owner, erased })
      const { removed, left } = await sessions.eraseSessions(some, owner)
      erased.keys += removed
      erased.left += left
    }
    erased.sessionIds = [...new Set([...erased.sessionIds, ...ids])]
  }
  erased.counters = await sessions.eraseCounters(owner)
  erased.left += (await sessions.ownedSessions(owner)).length
  return erased
}

/** Settles a session. One whose data is not in its form cannot be counted, and is removed all the same. */
async function settled(...given: Parameters<typeof settle>): Promise<void> {
  try {
    await settle(...given)
  } catch (error) {
    if (!(error instanceof LoomError && error.code === 'internal')) throw error
  }
}

/** Counts a session, and stops its tree. */
async function settle(
  sessions: Sessions,
  { id, owner: { tenant }, erased }: { id: string; owner: DataOwner; erased: Erasure },
): Promise<void> {
  const session = await sessions.session(id)
  if (session === undefined) return
  const tasks = await sessions.tasks(id, tenant)
  const isBusy = session.state !== 'idle' || session.queued > 0
  if (isBusy || tasks.some(({ state }) => isOpen(state))) {
    await stopSession(sessions, { id, tenant }, { queue: 'clear', tree: true })
    const deadline = performance.now() + turnEndMs
    while ((await sessions.session(id))?.state === 'running' && performance.now() < deadline) {
      await delay(lookEveryMs)
    }
  }
  erased.tasks += tasks.length
  const taskIds = tasks.map((task) => `${id}~${taskKey(task.id) ?? ''}`)
  for (const each of [id, ...taskIds]) {
    erased.messages += (await sessions.messages(each)).length
  }
}

const isOpen = (state: string) => state === 'queued' || state === 'running' || state === 'waiting'

/** Removes a subject from the members of the sessions of others. Returns their number. */
async function leaveAll(sessions: Sessions, { tenant, subject }: DataOwner): Promise<number> {
  if (subject === undefined) return 0
  let left = 0
  let before: number | undefined
  do {
    const page = await sessions.list(tenant, {
      limit: 100,
      subject,
      ...(before !== undefined && { before }),
    })
    for (const { id, members = [] } of page.sessions) {
      const others = members.filter((member) => member.subject !== subject)
      if (others.length === members.length) continue
      if (await sessions.setMembers(id, tenant, others)) left += 1
    }
    before = page.before
  } while (before !== undefined)
  return left
}
