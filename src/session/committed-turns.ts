/**
 * The last turn of each session that was committed here a moment ago. A failover of the store may undo
 * a commit that it acknowledged, and only who made it can make the same again. No index leads to these
 * turns: they were taken out of it, or a survivor emptied it before this instance was heard again. So
 * they are asked after when the store was away, and once more before they are let go.
 */
import type { Claim } from '../store/turn.ts'
import type { TurnRun } from './turn-run.ts'

/** How long a failover may take that began before the commit, in milliseconds. */
const rememberedMs = 15_000

export class CommittedTurns<TURN extends Pick<TurnRun, 'claim'> = TurnRun> {
  readonly #turns = new Map<string, { turn: TURN; dueAt: number }>()

  add(turn: TURN): void {
    const dueAt = performance.now() + rememberedMs
    this.#turns.set(turn.claim.sessionId, { turn, dueAt })
  }

  /** The turn that was committed under this very claim. */
  under({ sessionId, claim }: Pick<Claim, 'sessionId' | 'claim'>): TURN | undefined {
    const turn = this.#turns.get(sessionId)?.turn
    return turn?.claim.claim === claim ? turn : undefined
  }

  get sessionIds(): string[] {
    return [...this.#turns.keys()]
  }

  /** Sessions that are to be asked after once more. */
  get due(): string[] {
    const now = performance.now()
    return this.sessionIds.filter((sessionId) => (this.#turns.get(sessionId)?.dueAt ?? now) <= now)
  }

  /** Lets a turn go whose time is over: the commit stands, or the session is another's. */
  release(sessionId: string): void {
    const dueAt = this.#turns.get(sessionId)?.dueAt
    if (dueAt !== undefined && dueAt <= performance.now()) this.#turns.delete(sessionId)
  }
}
