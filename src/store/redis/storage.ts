/**
 * What each owner stores, in Redis. The numbers of an owner are in another slot than its sessions: a post and the end of a turn
 * note the size of their session without waiting, and the next one corrects a note that was lost.
 */
import type { StorageMeter, StorageOwner } from '../storage.ts'
import type { Connection } from './connection.ts'
import { escaped, sessionKey, storageKeys, unescaped } from './keys.ts'

/** The number of sessions that `recountStorage` looks at. */
const portion = 200

/** An entry that ends sooner may be a reservation, whose session has not begun, in milliseconds. */
const reservationMs = 60_000

export function redisStorage(connection: Connection): StorageMeter {
  return {
    async storedAmount(owner) {
      const args = { id: '', max: '', ttlMs: 0 }
      const reply = await connection.run('reserve-session', storageKeys(owner), args)
      return { sessions: Number(reply.sessions), bytes: Number(reply.bytes) }
    },

    async reserveSession(sessionId, { owner, max, leaseMs }) {
      const args = { id: idOf(sessionId), max, ttlMs: Math.min(leaseMs, reservationMs) }
      return (await connection.run('reserve-session', storageKeys(owner), args)).done === '1'
    },

    async recountStorage(owner) {
      const { sessions } = storageKeys(owner)
      const rows = await connection.send((client) =>
        client.zrandmember(sessions, portion, 'WITHSCORES'),
      )
      const end = Date.now() + 2 * reservationMs
      const ids = Array.from({ length: rows.length / 2 }, (_, index) => index * 2)
        .filter((at) => Number(rows[at + 1]) > end)
        .map((at) => rows[at] ?? '')
      const states = await Promise.all(
        ids.map((id) => connection.send((client) => client.hget(keyOf(id), 'state'))),
      )
      const gone = ids.filter((_, at) => states[at] === null || states[at] === 'deleted')
      return gone.length === 0 ? 0 : forget(connection, owner, gone)
    },

    async noteFileBytes(sessionId, bytes) {
      const keys = { session: sessionKey(sessionId) }
      const { size } = await connection.run('note-files', keys, { bytes })
      noteSize(connection, sessionId, size)
    },
  }
}

const idOf = (sessionId: string) => escaped(sessionId) || '%'
const keyOf = (id: string) => sessionKey(id === '%' ? '' : unescaped(id))

/** Notes the size of a session that a script returned; see `part/size.lua`. */
export function noteSize(connection: Connection, sessionId: string, size: string): void {
  const { bytes, ttlMs, owner } = sizeIn(size)
  if (owner === undefined || !(ttlMs > 0)) return
  const args = { id: idOf(sessionId), bytes, ttlMs }
  // If this fails, the accepted post must not fail.
  connection.run('note-storage', storageKeys(owner), args).catch(() => {})
}

/** Takes a deleted session out of what its owner stores. */
export function forgetSize(connection: Connection, sessionId: string, size: string): void {
  const { owner } = sizeIn(size)
  if (owner !== undefined) forget(connection, owner, [idOf(sessionId)]).catch(() => {})
}

async function forget(connection: Connection, owner: StorageOwner, ids: readonly string[]) {
  const { removed } = await connection.run('forget-storage', storageKeys(owner), { ids })
  return Number(removed)
}

/** `owner` is undefined if there is no such session. */
function sizeIn(size: string) {
  const [bytes = '0', ttlMs, tenant, subject = ''] = size.split('\n')
  const owner: StorageOwner | undefined =
    tenant === undefined
      ? undefined
      : { tenant: unescaped(tenant), ...(subject !== '' && { subject: unescaped(subject) }) }
  return { bytes, ttlMs: Number(ttlMs), owner }
}
