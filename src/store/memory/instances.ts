/** The register of instances. In memory there is usually one, and no other can take over from it. */
import type { InstanceHint, InstanceStore } from '../instances.ts'

export function memoryInstances(now: () => number): InstanceStore {
  /** The time at which each instance lapses. */
  const register = new Map<string, number>()
  const index = new Map<string, Set<string>>()
  const hints = new Set<(reason: InstanceHint) => void>()

  const notedBy = (instance: string) => {
    const noted = index.get(instance) ?? new Set()
    index.set(instance, noted)
    return noted
  }
  const forget = (instance: string, sessionIds: readonly string[]) => {
    const noted = index.get(instance)
    for (const sessionId of sessionIds) noted?.delete(sessionId)
    if (noted?.size === 0) index.delete(instance)
  }
  const adopt = async (from: string, to: string, limit: number) => {
    if (from === to || (register.get(from) ?? 0) > now()) return []
    const sessions = [...(index.get(from) ?? [])].slice(0, limit)
    for (const sessionId of sessions) notedBy(to).add(sessionId)
    forget(from, sessions)
    if (!index.has(from)) register.delete(from)
    return sessions
  }
  /** Names the index of the sessions that wait for an agent. No instance has such an id. */
  const waitingFor = (agent: string) => `agent:${agent}`

  return {
    async beat(instance, ttlMs) {
      register.set(instance, now() + ttlMs)
    },
    async note(instance, sessionId) {
      notedBy(instance).add(sessionId)
    },
    async forget(instance, sessionIds) {
      forget(instance, sessionIds)
    },
    async noted(instance) {
      return [...(index.get(instance) ?? [])]
    },
    async lapsed() {
      const time = now()
      return [...register].filter(([, deadline]) => deadline <= time).map(([instance]) => instance)
    },
    adopt,
    async pass(sessionId, { from, agent }) {
      forget(from, [sessionId])
      const waiting = notedBy(waitingFor(agent))
      if (waiting.has(sessionId)) return
      waiting.add(sessionId)
      for (const hint of hints) hint('passed')
    },
    adoptWaiting: (agent, to, limit) => adopt(waitingFor(agent), to, limit),
    async leave(instance) {
      if (!index.has(instance)) {
        register.delete(instance)
        return
      }
      register.set(instance, 0)
      for (const hint of hints) hint('left')
    },
    async isAlive(instance) {
      return (register.get(instance) ?? 0) > now()
    },
    async watchInstances(listener) {
      // A new function, so that the same listener twice is two subscriptions.
      const hint = (reason: InstanceHint) => listener(reason)
      hints.add(hint)
      return () => void hints.delete(hint)
    },
  }
}
