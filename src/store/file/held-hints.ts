/** Hints that wait while a call runs: a reader must not see a change that the file does not have yet. */
import type { Topic } from '../hint.ts'
import { createHints, type Hints } from '../memory/hints.ts'

export interface HeldHints extends Hints {
  /** Runs a call and its write, in one step. Gives its hints after that, or none if it throws. */
  after<VALUE>(call: () => VALUE): VALUE
}

export function heldHints(): HeldHints {
  const hints = createHints()
  let held: [sessionId: string, topic: Topic][] | undefined
  return {
    add: (sessionId, topic, hint) => hints.add(sessionId, topic, hint),
    give(sessionId, topic) {
      if (held === undefined) hints.give(sessionId, topic)
      else held.push([sessionId, topic])
    },
    after(call) {
      held = []
      try {
        const value = call()
        const given = held
        held = undefined
        for (const [sessionId, topic] of given) hints.give(sessionId, topic)
        return value
      } finally {
        held = undefined
      }
    },
  }
}
