/** Sessions in Redis: reading, listing, forking, deleting. */
import { historyAt } from '../branches.ts'
import type { Member } from '../member.ts'
import type { Branch, SessionRecord, SessionStore } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Connection } from './connection.ts'
import {
  callKeys,
  escaped,
  indexKey,
  logKey,
  mailKey,
  sessionKey,
  sessionKeys,
  unescaped,
} from './keys.ts'
import type { Limits } from './limits.ts'
import { noteSubjects, noteUse, readList, unlistSessions } from './list.ts'
import { recordIn, sessionOf, stateOf } from './records.ts'
import { recordFields, type Reply, type Signatures } from './signature.ts'
import { contextIn, messagesIn, seedOf, summaryIn, titleText } from './stored-letter.ts'

/** The number of sessions that one script reads. It takes Redis a millisecond or two. */
const portion = 100

export function redisSessions(connection: Connection, limits: Limits): SessionStore {
  const read = async (sessionId: string) =>
    sessionOf(sessionId, await connection.run('read-session', sessionKeys(sessionId), {}))

  const readTree = async (sessionId: string) => {
    const reply = await connection.read('read-tree', sessionKeys(sessionId), {})
    const { tenant, agent, state, summary, through, context } = reply
    return { tenant, agent, state, summary, through, context, ...(await treeIn(reply)) }
  }

  return {
    session: read,

    async isDeleted(sessionId) {
      const { state } = await connection.run('read-session', sessionKeys(sessionId), {})
      return state === 'deleted'
    },

    async sessions(sessionIds) {
      const records: (SessionRecord | undefined)[] = []
      for (let at = 0; at < sessionIds.length; at += portion) {
        const ids = sessionIds.slice(at, at + portion)
        const keys = ids.flatMap((id) => [sessionKey(id), mailKey(id)])
        const values = await connection.runMany('read-sessions', keys, [])
        const size = recordFields.length
        for (const [index, id] of ids.entries()) {
          records.push(sessionOf(id, recordIn(values.slice(index * size, (index + 1) * size))))
        }
      }
      return records
    },

    async messages(sessionId) {
      const { messages } = await connection.read('read-messages', sessionKeys(sessionId), {})
      return messagesIn(messages)
    },

    async messagePage(sessionId, { limit, before }) {
      const reply = await connection.read('read-page', sessionKeys(sessionId), {
        limit,
        before: before === undefined ? '' : escaped(before),
      })
      if (reply.found !== '1') return undefined
      return { messages: await messagesIn(reply.messages), hasEarlier: reply.earlier === '1' }
    },

    async context(sessionId) {
      const reply = await connection.read('read-context', sessionKeys(sessionId), {})
      const summary = summaryIn(reply.summary, reply.through)
      const context = contextIn(reply.context)
      return {
        ...(summary !== undefined && { summary }),
        ...(context !== undefined && { context }),
        messages: await messagesIn(reply.messages),
      }
    },

    async branches(sessionId) {
      return (await readTree(sessionId)).branches
    },

    // The two ids are in two slots, so this takes two steps: a read, and the creation of the new session.
    async fork(sessionId, { newId, branch, through, tenant, subject, agent }) {
      if (isTaskId(newId)) return false
      const tree = await readTree(sessionId)
      const messages = historyAt(tree, { branch, through })
      const isTheirs = stateOf(tree.state) !== undefined && tree.tenant === escaped(tenant)
      if (!isTheirs || messages === undefined) return false
      // Before a cut, the history may have had another message with the same id.
      const isWhole = messages.some(
        ({ id }) => branch === undefined && escaped(id) === tree.through,
      )
      const subjects = subject === undefined ? [] : [subject]
      noteUse(connection, limits, { tenant, sessionId: newId, subjects })
      const { done } = await connection.run('create', callKeys('create', newId), {
        ...limits,
        tenant: tree.tenant,
        subject: escaped(subject ?? ''),
        agent: agent ?? tree.agent,
        title: titleText(messages),
        summary: isWhole ? tree.summary : '',
        through: isWhole ? tree.through : '',
        context: tree.context,
        seed: await seedOf(messages),
      })
      return done === '1'
    },

    async setMembers(sessionId, members, { tenant }) {
      const keys = callKeys('set-members', sessionId)
      const { done } = await connection.run('set-members', keys, {
        ...limits,
        tenant: escaped(tenant),
        members: memberLines(members),
      })
      const subjects = members.map(({ subject }) => subject)
      if (done === '1') noteSubjects(connection, limits, { tenant, sessionId, subjects })
      return done === '1'
    },

    async remove(sessionId, { tenant }) {
      const { done, claims } = await connection.run('remove', callKeys('remove', sessionId), {
        ...limits,
        tenant: escaped(tenant),
      })
      // Finished logs have a short TTL of their own. No reader gets them after this.
      const logIds = new Set(claims.map((claim) => claim.slice(claim.indexOf(':') + 1)))
      for (const logId of logIds) {
        await connection.send((client) => client.unlink(logKey(sessionId, unescaped(logId))))
      }
      if (done === '1' && !isTaskId(sessionId))
        unlistSessions(connection, indexKey(tenant), [sessionId])
      return done === '1'
    },

    list: (tenant, page) => readList(connection, tenant, page, read),
  }
}

/** The stored form of members; see `part/member.lua`. */
const memberLines = (members: readonly Member[]): string =>
  members.map(({ role, subject }) => `${role} ${escaped(subject)}\n`).join('')

/** Reads the reply of `read-tree.lua`. */
async function treeIn({ lines, branches, unfinished }: Reply<Signatures['read-tree']>) {
  let at = 0
  const messagesOf = async (ids: readonly string[]) => {
    at += 1 + ids.length
    return messagesIn(lines.slice(at - ids.length, at))
  }
  const cut: Branch[] = []
  for (let index = 0; index < Number(branches); index++) {
    const [number, position, cutAtMs, ...ids] = (lines[at] ?? '').split('\n')
    cut.push({
      number: Number(number),
      at: unescaped(ids[0] ?? ''),
      position: Number(position),
      cutAtMs: Number(cutAtMs),
      messages: await messagesOf(ids),
    })
  }
  const ids = (lines[at] ?? '').split('\n').filter(Boolean)
  const history = await messagesOf(ids)
  return { branches: cut, history: history.filter((_, index) => ids[index] !== unfinished) }
}
