/** Sessions in Redis: reading, listing, forking, deleting. */
import { historyAt } from '../branches.ts'
import type { Member } from '../member.ts'
import type { SessionRecord, SessionStore } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Connection } from './connection.ts'
import { sharedFormat } from './format.ts'
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
import type { MessageForm } from './message-form.ts'
import { recordIn, sessionOf, stateOf } from './records.ts'
import { noteAgent } from './retention.ts'
import { readTree } from './session-tree.ts'
import {
  leaveSegments,
  segmentNames,
  shareMessages,
  useSegments,
  withShared,
} from './shared-messages.ts'
import { recordFields } from './signature.ts'
import { forgetSize, noteSize } from './storage.ts'
import { contextIn, messagesIn, summaryIn, titleText } from './stored-letter.ts'

/** The number of sessions that one script reads. It takes Redis a millisecond or two. */
const portion = 100

export function redisSessions(
  connection: Connection,
  limits: Limits,
  form: MessageForm,
): SessionStore {
  const read = async (sessionId: string) =>
    sessionOf(sessionId, await connection.run('read-session', sessionKeys(sessionId), {}))

  const treeOf = async (sessionId: string) => {
    const reply = await connection.read('read-tree', sessionKeys(sessionId), {})
    const { tenant, agent, state, summary, through, context, v } = reply
    const read = await readTree(connection, form, reply)
    return { tenant, agent, state, summary, through, context, v, ...read }
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
      const reply = await connection.read('read-messages', sessionKeys(sessionId), {})
      return messagesIn(await withShared(connection, reply.messages, reply.shared))
    },

    async messagePage(sessionId, { limit, before }) {
      const reply = await connection.read('read-page', sessionKeys(sessionId), {
        limit,
        before: before === undefined ? '' : escaped(before),
      })
      if (reply.found !== '1') return undefined
      const texts = await withShared(connection, reply.messages, reply.shared)
      return { messages: await messagesIn(texts), hasEarlier: reply.earlier === '1' }
    },

    async context(sessionId) {
      const reply = await connection.read('read-context', sessionKeys(sessionId), {})
      const summary = summaryIn(reply.summary, reply.through)
      const context = contextIn(reply.context)
      return {
        ...(summary !== undefined && { summary }),
        ...(context !== undefined && { context }),
        messages: await messagesIn(await withShared(connection, reply.messages, reply.shared)),
      }
    },

    async branches(sessionId) {
      return (await treeOf(sessionId)).branches
    },

    // The two ids are in two slots, so this takes several steps. The creation of the new session is the last one.
    async fork(sessionId, { newId, branch, through, tenant, subject, agent }) {
      if (isTaskId(newId)) return false
      await shareMessages(connection, limits, { sessionId, tenant })
      const tree = await treeOf(sessionId)
      const messages = historyAt(tree, { branch, through })
      const isTheirs = stateOf(tree.state) !== undefined && tree.tenant === escaped(tenant)
      if (!isTheirs || messages === undefined) return false
      // Before a cut, the history may have had another message with the same id.
      const isWhole = messages.some(
        ({ id }) => branch === undefined && escaped(id) === tree.through,
      )
      const subjects = subject === undefined ? [] : [subject]
      noteUse(connection, limits, { tenant, sessionId: newId, subjects })
      noteAgent(connection, limits, { agent: agent ?? tree.agent, sessionId: newId })
      const { seed, names } = await tree.seedOf(messages)
      await useSegments(connection, limits, { sessionId: newId, names })
      const { done, size } = await connection.run('create', callKeys('create', newId), {
        ...limits,
        tenant: tree.tenant,
        subject: escaped(subject ?? ''),
        agent: agent ?? tree.agent,
        title: titleText(messages),
        summary: isWhole ? tree.summary : '',
        through: isWhole ? tree.through : '',
        context: tree.context,
        shared: names.map((name) => `${name}\n`).join(''),
        format: Math.max(sharedFormat, Number(tree.v)),
        seed,
      })
      if (done !== '1') {
        // The session that has the id may be an earlier fork, and use the same segments.
        const theirs = await connection.send((client) => client.hget(sessionKey(newId), 'shared'))
        const others = names.filter((name) => !segmentNames(theirs ?? '').includes(name))
        await leaveSegments(connection, newId, others)
      }
      if (size !== '') noteSize(connection, newId, size)
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

    async remove(sessionId, { tenant, unusedSince }) {
      const { done, shared, size, claims } = await connection.run(
        'remove',
        callKeys('remove', sessionId),
        {
          ...limits,
          tenant: escaped(tenant),
          unusedSince: unusedSince ?? '',
        },
      )
      await leaveSegments(connection, sessionId, segmentNames(shared))
      if (size !== '') forgetSize(connection, sessionId, size)
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
