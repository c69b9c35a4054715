/** Holds a scripted model at a part of a reply until a returning client gets a response. */
import { Gate } from './scripts.ts'
import type { Moment } from './turn-model.ts'

export interface Hold {
  reached(): Promise<void>
  open(): void
  /** A `fetch` that releases the model after the head of its first response. */
  opening(fetch: typeof globalThis.fetch): typeof globalThis.fetch
}

export interface Holds {
  /** The hook for `richAgent`. */
  before: (moment: Moment) => Promise<void>
  at(moment: Moment): Hold
}

export function openHolds(): Holds {
  const gates = new Map<string, Gate>()
  const keyOf = ({ asked, reply, part }: Moment) => JSON.stringify([asked, reply, part])
  return {
    before: async (moment) => gates.get(keyOf(moment))?.pass(),
    at(moment) {
      const gate = new Gate(`the model is at ${keyOf(moment)}`)
      gates.set(keyOf(moment), gate)
      return {
        reached: () => gate.reached(),
        open: () => gate.open(),
        opening: (fetch) => async (input, init) => {
          const response = await fetch(input, init)
          gate.open()
          return response
        },
      }
    },
  }
}
