/** The subscriptions to sessions. The call that changes a session gives its hints at once. */
import type { Topic } from '../hint.ts'

export interface Hints {
  add(sessionId: string, topic: Topic, hint: () => void): () => void
  give(sessionId: string, topic: Topic): void
}

export function createHints(): Hints {
  const topics: Record<Topic, Map<string, Set<() => void>>> = { log: new Map(), intents: new Map() }
  return {
    add(sessionId, topic, listener) {
      // A new function, so that the same listener twice is two subscriptions.
      const hint = () => listener()
      const sessions = topics[topic]
      const hints = sessions.get(sessionId) ?? new Set()
      sessions.set(sessionId, hints.add(hint))
      return () => {
        hints.delete(hint)
        if (hints.size === 0 && sessions.get(sessionId) === hints) sessions.delete(sessionId)
      }
    },
    give(sessionId, topic) {
      const hints = topics[topic].get(sessionId)
      if (hints !== undefined) for (const hint of hints) hint()
    },
  }
}
