/**
 * The names of keys. All of a session carry its id as their hash tag, so that a cluster keeps them on
 * one node; ids are anybody's text, so what would end the tag, break a line in a stored record or be
 * no UTF-8 is escaped. Whatever names a thing in Redis (letters, messages, tenants) is escaped alike.
 */
import type { Topic } from '../hint.ts'
import { sessionKeyNames } from './signature.ts'

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

// An empty tag would be none: the whole key would be hashed.
const tag = (id: string) => `loom:{${escaped(id) || '%'}}`

export function sessionKeys(sessionId: string): SessionKeys {
  const prefix = tag(sessionId)
  const entries = sessionKeyNames.map((name) => [name, `${prefix}:${name}`])
  // By construction: one entry for every name.
  const keys: SessionKeys = Object.fromEntries(entries)
  return keys
}

export const sessionKey = (sessionId: string) => `${tag(sessionId)}:session`
export const liveKey = (sessionId: string) => `${tag(sessionId)}:live`

/** A finished log. */
export const logKey = (sessionId: string, logId: string) =>
  `${tag(sessionId)}:log:${escaped(logId)}`

/** What a call with this nonce answered. Two calls that share one by mistake stay apart. */
export const replyKey = (sessionId: string, script: string, nonce: string) =>
  `${tag(sessionId)}:reply:${script}:${escaped(nonce)}`

/** A pub/sub channel; `part/hint.lua` and `append.lua` make the same name. */
export const channelOf = (sessionId: string, topic: Topic) => `${sessionKey(sessionId)}!${topic}`

/** An agent's name as scripts compare it: no character of it ends a line or a JSON string. */
export const agentText = (name: string) => encodeURIComponent(name)
export const agentIn = (text: string) => decodeURIComponent(text)

export const indexKey = (tenant: string) => `loom:index:${escaped(tenant)}`

// One slot for all instances: what moves between their indexes moves in one step.
export const registerKey = 'loom:{instances}:register'
/** A pub/sub channel; `leave.lua` and `pass.lua` make the same name. */
export const leftChannel = `${registerKey}!left`
/** The index of sessions that wait for an instance with this agent; no instance has such an id. */
export const waitingFor = (agent: string) => `agent:${agent}`
export const notedKey = (instance: string) => `loom:{instances}:noted:${escaped(instance)}`
