/**
 * The names of keys. All keys of a session have the id of its root as their hash tag, so that a cluster keeps
 * a tree on one node. An id can be any text, so characters that would end the tag, break a line of a stored record
 * or are no UTF-8 are escaped. The same holds for every other name in Redis (letters, messages, tenants).
 */
import { randomUUID } from 'node:crypto'

import type { Topic } from '../hint.ts'
import type { StorageOwner } from '../storage.ts'
import { rootOf, taskKey } from '../task.ts'
import { type ScriptName, sessionKeyNames } from './signature.ts'

export type SessionKeys = Record<(typeof sessionKeyNames)[number], string>

const unsafe = /[%{}\p{Cc}\p{Cs}]/gu

export function escaped(text: string): string {
  return text.replaceAll(unsafe, (char) => `%${char.charCodeAt(0).toString(16)};`)
}

export function unescaped(text: string): string {
  return text.replaceAll(/%([0-9a-f]+);/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

/**
 * The first part of the keys of a session. The hash tag is the root of its tree, and the key of a task
 * follows it. Redis ignores an empty tag: it would hash the whole key.
 */
function tag(id: string): string {
  const task = taskKey(id)
  const root = `loom:{${escaped(rootOf(id)) || '%'}}`
  return task === undefined ? root : `${root}~${task}`
}

export function sessionKeys(sessionId: string): SessionKeys {
  const prefix = tag(sessionId)
  const entries = sessionKeyNames.map((name) => [name, `${prefix}:${name}`])
  // By construction: one entry for every name.
  const keys: SessionKeys = Object.fromEntries(entries)
  return keys
}

/**
 * The keys of one call of a script that changes a session. The nonce in the key of its reply identifies
 * the call: a connection that sends it again gets the first reply, and changes nothing twice
 * (`part/reply.lua`). Make the keys once for each call.
 */
export function callKeys(script: ScriptName, sessionId: string): SessionKeys & { reply: string } {
  const reply = `${tag(sessionId)}:reply:${script}:${randomUUID()}`
  return { ...sessionKeys(sessionId), reply }
}

/** The key of the list of the tree to which a session belongs; see `post.lua`. */
export const rootTasksKey = (sessionId: string) => rootKeys(sessionId).rootTasks

/** The keys of the root of the tree to which a session belongs. */
export function rootKeys(sessionId: string) {
  const { session, tasks, taskSpent } = sessionKeys(rootOf(sessionId))
  return { rootSession: session, rootTasks: tasks, rootTaskSpent: taskSpent }
}

export const sessionKey = (sessionId: string) => `${tag(sessionId)}:session`
export const mailKey = (sessionId: string) => `${tag(sessionId)}:mail`
export const liveKey = (sessionId: string) => `${tag(sessionId)}:live`

/** The key of a finished log. */
export const logKey = (sessionId: string, logId: string) =>
  `${tag(sessionId)}:log:${escaped(logId)}`

/** The keys of a segment, which has messages that forks share. @param name see `shared-messages.ts` */
export function segmentKeys(name: string): { segment: string; sharers: string } {
  const at = name.indexOf(' ')
  const prefix = tag(unescaped(name.slice(at + 1)))
  const id = name.slice(0, at)
  return { segment: `${prefix}:segment:${id}`, sharers: `${prefix}:sharers:${id}` }
}

/** A pub/sub channel. `part/hint.lua` and `append.lua` make the same name. */
export const channelOf = (sessionId: string, topic: Topic) => `${sessionKey(sessionId)}!${topic}`

/** The name of an agent as scripts compare it: no character of it ends a line or a JSON string. */
export const agentText = (name: string) => encodeURIComponent(name)
export const agentIn = (text: string) => decodeURIComponent(text)

/** The names of agents as `part/claim.lua` reads them. */
export const agentLines = (agents: readonly string[] | undefined) =>
  agents === undefined ? '' : `\n${agents.map(agentText).join('\n')}\n`

export const indexKey = (tenant: string) => `loom:index:${escaped(tenant)}`
/** The list of a subject. Encoded, so that no two pairs of names make one key. */
export const subjectKey = (tenant: string, subject: string) =>
  `loom:subject:index:${encodeURIComponent(tenant)}:${encodeURIComponent(subject)}`

/** The list of the sessions of an agent. */
export const agentIndexKey = (agent: string) => `loom:agent:index:${agentText(agent)}`

/** What an owner stores. One slot for both keys, whose tag is never empty. */
export function storageKeys({ tenant, subject = '' }: StorageOwner): {
  sessions: string
  bytes: string
} {
  const [ofTenant, ofSubject] = [tenant, subject].map((name) =>
    encodeURIComponent(name.toWellFormed()),
  )
  const prefix = `loom:storage:{${ofTenant}/${ofSubject}}`
  return { sessions: `${prefix}:sessions`, bytes: `${prefix}:bytes` }
}

/** The stream of the audit of a tenant. */
export const auditKey = (tenant: string) => `loom:audit:${escaped(tenant)}`

// One slot for all instances, so that a session moves between their indexes in one step.
export const registerKey = 'loom:{instances}:register'
/** The instances that read messages in segments (`shared-messages.ts`). */
export const sharingKey = 'loom:{instances}:sharing'
/** The instances that read compact messages (`message-form.ts`), and the time since which all live instances do. */
export const compactingKey = 'loom:{instances}:compacting'
export const agreedKey = 'loom:{instances}:agreed'
/** What the instances report about themselves, and those that somebody asked to drain. */
export const statusesKey = 'loom:{instances}:statuses'
export const drainsKey = 'loom:{instances}:drains'
/** A key that exists for a millisecond at most. Its removal and its write show whether Redis takes writes. */
export const absentKey = 'loom:{instances}:absent'
/** The sessions with schedules, by the time of their next occurrence. */
export const dueKey = 'loom:{instances}:due'
/** A pub/sub channel. `leave.lua` and `pass.lua` make the same name. */
export const leftChannel = `${registerKey}!left`
/** Names the index of the sessions that wait for an instance with this agent. No instance has such an id. */
export const waitingFor = (agent: string) => `agent:${agent}`
export const notedKey = (instance: string) => `loom:{instances}:noted:${escaped(instance)}`
