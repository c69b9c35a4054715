/** Hints that wait while a call runs: a reader must not see a change that the file does not have yet. */
import type { Topic } from '../hint.ts'
import { createHints, type Hints } from '../memory/hints.ts'

export interface HeldHints extends Hints {
  /** Runs a call and its write, in one step. Gives its hints after that, or none if it throws. */
  after<VALUE>(call: () => VALUE): VALUE
}

export function heldHints(): HeldHints {
  const hints = createHints()
  let waiting: [sessionId: string, topic: Topic][] | undefined
  return {
    add: (sessionId, topic, hint) => hints.add(sessionId, topic, hint),
    give(sessionId, topic) {
      if (waiting === undefined) hints.give(sessionId, topic)
      else waiting.push([sessionId, topic])
    },
    after(call) {
      waiting = []
      try {
        const value = call()
        const hintsOfCall = waiting
        waiting = undefined
        for (const [sessionId, topic] of hintsOfCall) hints.give(sessionId, topic)
        return value
      } finally {
        waiting = undefined
      }
    },
  }
}
