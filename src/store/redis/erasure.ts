/**
 * Erasure in Redis. A `SCAN` of all keys finds the data, because no index has the names of logs and replies, and the
 * lists of tenants are bounded.
 */
import type { Redis } from 'ioredis'

import type { DataOwner, ErasureStore } from '../erasure.ts'
import { rootOf } from '../task.ts'
import { eraseAudit } from './audit.ts'
import type { RedisClient } from './client.ts'
import type { Connection } from './connection.ts'
import {
  dueKey,
  escaped,
  indexKey,
  sessionKey,
  storageKeys,
  subjectKey,
  unescaped,
} from './keys.ts'
import { isWrongType } from './patience.ts'

/** The number of keys in one command. It takes Redis about a millisecond. */
const portion = 500

/** The number of looks for data that came meanwhile. */
const roundsMax = 5

const tagOf = /^loom:\{([^}]*)\}/
/** A counter of a limit: its kind, and the encoded names of its principal. */
const counter = /^loom:limit:([a-z]+):\{?([^{}]*)\}?$/
const ofSegment = /^loom:\{[^}]*\}(?:~[0-9a-z]+)?:(?:segment|sharers):/
/** Keys of instances. A session may have the id `instances`, and then has the same hash tag. */
const ofInstances =
  /^loom:\{instances\}:(?:register|format|absent|due|noted|sharing|statuses|drains)/

export function redisErasure(connection: Connection): ErasureStore {
  async function* keysLike(pattern: string): AsyncGenerator<string[]> {
    const keyPrefix = connection.clients.commands.options.keyPrefix ?? ''
    for (const node of nodesOf(connection.clients.commands)) {
      let cursor = '0'
      do {
        const at = cursor
        const [next, keys] = await connection.send(() =>
          node.scan(at, 'MATCH', `${keyPrefix}${pattern}`, 'COUNT', portion),
        )
        cursor = next
        yield keys.map((key) => key.slice(keyPrefix.length))
      } while (cursor !== '0')
    }
  }

  async function isOwned(key: string, { tenant, subject }: DataOwner): Promise<boolean> {
    const record = await readable(
      connection.send((client) => client.hmget(key, 'tenant', 'subject')),
    )
    if (record === undefined) return subject === undefined && isIn(key, tenant)
    const [ofTenant, ofSubject] = record
    return ofTenant === escaped(tenant) && (subject === undefined || ofSubject === escaped(subject))
  }

  /** Whether the list of a tenant has the session of a record, which cannot be read. */
  async function isIn(key: string, tenant: string): Promise<boolean> {
    const [, tag = ''] = tagOf.exec(key) ?? []
    const member = tag === '%' ? '' : tag
    return (await connection.send((client) => client.zscore(indexKey(tenant), member))) !== null
  }

  /** Returns the number of records of a tenant that cannot be read. Nobody can say to which subject one belongs. */
  async function unreadable(tenant: string): Promise<number> {
    let count = 0
    for await (const keys of keysLike('loom:{*}:session')) {
      const types = await Promise.all(
        keys.map((key) => connection.send((client) => client.type(key))),
      )
      for (const [index, key] of keys.entries()) {
        const isHash = types[index] === 'hash' || types[index] === 'none'
        if (!isHash && (await isIn(key, tenant))) count += 1
      }
    }
    return count
  }

  /** A segment outlives its first session while forks use it. */
  async function ownsSegment(key: string, { tenant, subject }: DataOwner): Promise<boolean> {
    const text = await readable(connection.send((client) => client.hget(key, '%owner')))
    const [ofTenant, ofSubject] = (text ?? '').split('\n')
    return ofTenant === escaped(tenant) && (subject === undefined || ofSubject === escaped(subject))
  }

  /** Removes the keys of sessions. Returns their number. */
  async function removeKeys(tags: ReadonlySet<string>): Promise<number> {
    let removed = 0
    const records: string[] = []
    const unlink = async (keys: readonly string[]) => {
      for (let at = 0; at < keys.length; at += portion) {
        const counts = await Promise.all(
          keys
            .slice(at, at + portion)
            .map((key) => connection.send((client) => client.unlink(key))),
        )
        removed += counts.reduce((sum, count) => sum + count, 0)
      }
    }
    for await (const keys of keysLike('loom:{*')) {
      const theirs = keys.filter((key) => {
        const [, tag] = tagOf.exec(key) ?? []
        const isOther = ofInstances.test(key) || ofSegment.test(key)
        return tag !== undefined && tags.has(tag) && !isOther
      })
      records.push(...theirs.filter((key) => key.endsWith('}:session')))
      await unlink(theirs.filter((key) => !key.endsWith('}:session')))
    }
    await unlink(records)
    return removed
  }

  /** Removes sessions from the segments that they share, and the segments that no other session uses. Returns the number. */
  async function removeSegments(ids: readonly string[], { tenant }: DataOwner): Promise<number> {
    const erased = new Set(ids)
    let removed = 0
    for await (const keys of keysLike('loom:{*:sharers:*')) {
      for (const sharers of keys) {
        const members =
          (await readable(connection.send((client) => client.zrange(sharers, '0', '-1')))) ?? []
        const theirs = members.filter((id) => erased.has(rootOf(unescaped(id))))
        if (theirs.length > 0) {
          removed += await connection.send((client) => client.zrem(sharers, ...theirs))
        }
        const [, tag = ''] = tagOf.exec(sharers) ?? []
        if (theirs.length === 0 && !erased.has(tag === '%' ? '' : unescaped(tag))) continue
        // A session that expired may still be noted here.
        const segment = sharers.replace(':sharers:', ':segment:')
        if (await isUsed(sharers, members)) {
          // It belongs to the sessions that are left.
          if (erased.has(tag === '%' ? '' : unescaped(tag))) {
            await connection.send((client) =>
              client.hset(segment, '%owner', `${escaped(tenant)}\n`),
            )
          }
          continue
        }
        removed += await connection.send((client) => client.unlink(segment))
        removed += await connection.send((client) => client.unlink(sharers))
      }
    }
    return removed
  }

  /** @param members sessions; those that were erased have no record any more */
  async function isUsed(sharers: string, members: readonly string[]): Promise<boolean> {
    const id = sharers.slice(sharers.indexOf(':sharers:') + ':sharers:'.length)
    for (const member of members) {
      const key = sessionKey(unescaped(member))
      const shared = await readable(connection.send((client) => client.hget(key, 'shared')))
      if (shared?.includes(`${id} `) === true) return true
    }
    return false
  }

  /** Removes the entries of sessions from the lists, and the lists of the owner. Returns their number. */
  async function removeEntries(ids: readonly string[], owner: DataOwner): Promise<number> {
    const { tenant, subject } = owner
    let removed = 0
    const note = (count: number) => (removed += count)
    const ofSubjects = subjectKey(tenant, '')
    const lists = [indexKey(tenant)]
    for await (const keys of keysLike('loom:subject:index:*')) {
      lists.push(...keys.filter((key) => key.startsWith(ofSubjects)))
    }
    for (let at = 0; at < ids.length; at += portion) {
      const some = ids.slice(at, at + portion)
      const members = some.map(escaped)
      for (const key of lists) note(await connection.send((client) => client.zrem(key, ...members)))
    }
    const roots = new Set(ids)
    const theirsIn = (members: readonly string[]) =>
      members.filter((member) => roots.has(rootOf(unescaped(member))))
    for await (const keys of keysLike('loom:{instances}:noted:*')) {
      for (const key of keys) {
        const theirs = theirsIn(await connection.send((client) => client.smembers(key)))
        if (theirs.length > 0) note(await connection.send((client) => client.srem(key, ...theirs)))
      }
    }
    const due = theirsIn(await connection.send((client) => client.zrange(dueKey, '0', '-1')))
    if (due.length > 0) note(await connection.send((client) => client.zrem(dueKey, ...due)))
    for await (const keys of keysLike('loom:agent:index:*')) {
      for (const key of keys) {
        for (let at = 0; at < ids.length; at += portion) {
          const members = ids.slice(at, at + portion).map(escaped)
          note(await connection.send((client) => client.zrem(key, ...members)))
        }
      }
    }
    const own = subject === undefined ? lists : [subjectKey(tenant, subject)]
    own.push(...(subject === undefined ? await storageOf(tenant) : storageKeysOf(owner)))
    for (const key of own) note(await connection.send((client) => client.unlink(key)))
    return removed
  }

  /** The keys with what the owners of a tenant store. */
  async function storageOf(tenant: string): Promise<string[]> {
    const [start] = storageKeysOf({ tenant }).map((key) => key.slice(0, key.indexOf('}')))
    const found: string[] = []
    for await (const keys of keysLike('loom:storage:{*')) {
      found.push(...keys.filter((key) => start !== undefined && key.startsWith(start)))
    }
    return found
  }

  return {
    async tenants() {
      const found = new Set<string>()
      const lists = indexKey('')
      for await (const keys of keysLike(`${lists}*`)) {
        for (const key of keys) found.add(unescaped(key.slice(lists.length)))
      }
      return [...found]
    },

    async ownedSessions(owner) {
      const found = new Set<string>()
      for await (const keys of keysLike('loom:{*}:session')) {
        const owned = await Promise.all(keys.map(async (key) => isOwned(key, owner)))
        for (const [index, key] of keys.entries()) {
          const [, tag] = tagOf.exec(key) ?? []
          if (owned[index] === true && tag !== undefined)
            found.add(tag === '%' ? '' : unescaped(tag))
        }
      }
      for await (const keys of keysLike('loom:{*:segment:*')) {
        for (const key of keys) {
          const [tag] = (await ownsSegment(key, owner)) ? (tagOf.exec(key)?.slice(1) ?? []) : []
          if (tag !== undefined) found.add(tag === '%' ? '' : unescaped(tag))
        }
      }
      return [...found]
    },

    // The limits of principals (`src/server/limits/`) write these keys.
    async eraseCounters({ tenant, subject }) {
      const removed: Record<string, number> = {}
      const ofTenant = encodeURIComponent(tenant.toWellFormed())
      const ofSubject = subject && `${ofTenant}/${encodeURIComponent(subject.toWellFormed())}`
      for await (const keys of keysLike('loom:limit:*')) {
        for (const key of keys) {
          const [, kind = '', owner = ''] = counter.exec(key) ?? []
          const isOfTenant = owner === (ofTenant || '-') || owner.startsWith(`${ofTenant}/`)
          if (ofSubject === undefined ? !isOfTenant : owner !== ofSubject) continue
          const count = await connection.send((client) => client.unlink(key))
          if (count > 0) removed[kind] = (removed[kind] ?? 0) + count
        }
      }
      return removed
    },

    async erase(sessionIds, owner) {
      const ofAudit = await eraseAudit(connection, sessionIds, owner)
      const tags = new Set(sessionIds.map((id) => escaped(id) || '%'))
      let [removed, left] = [ofAudit, 0]
      for (let round = 0; round < roundsMax; round++) {
        left = await removeEntries(sessionIds, owner)
        left += tags.size === 0 ? 0 : await removeKeys(tags)
        left += await removeSegments(sessionIds, owner)
        removed += left
        if (left === 0) break
      }
      if (owner.subject !== undefined) left += await unreadable(owner.tenant)
      return { removed, left }
    },
  }
}

/** Returns undefined for a key of another type, which another program stored. */
async function readable<VALUE>(reply: Promise<VALUE>): Promise<VALUE | undefined> {
  try {
    return await reply
  } catch (error) {
    if (isWrongType(error)) return undefined
    throw error
  }
}

const storageKeysOf = (owner: DataOwner): string[] => Object.values(storageKeys(owner))

const nodesOf = (client: RedisClient): readonly Redis[] =>
  'nodes' in client ? client.nodes('master') : [client]
