/**
 * The last turn of each session that was committed here a moment ago. A failover of the store may undo
 * a commit that it acknowledged, and only who made it can make the same again. No index leads to these
 * turns: they were taken out of it, or a survivor emptied it before this instance was heard again. So
 * they are asked after when the store was away, and once more before they are let go.
 */
import type { Claim } from '../store/turn.ts'
import type { TurnCommit } from './turn-commit.ts'

/** How long a failover may take that began before the commit, in milliseconds. */
const rememberedMs = 15_000

/**
 * Memory that the remembered turns may take, in bytes: thousands of answers. Beyond it the oldest are
 * asked after still, and one that was undone is gone on with from what is left of its log.
 */
const rememberedBytesMax = 128 * 1024 * 1024

type Kept = Pick<TurnCommit, 'claim' | 'bytes'>

export class CommittedTurns<TURN extends Kept = TurnCommit> {
  readonly #dueAt = new Map<string, number>()
  readonly #turns = new Map<string, { turn: TURN; bytes: number }>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = rememberedBytesMax) {
    this.#bytesMax = bytesMax
  }

  add(turn: TURN): void {
    const { sessionId } = turn.claim
    const { bytes } = turn
    this.#drop(sessionId)
    this.#dueAt.set(sessionId, performance.now() + rememberedMs)
    this.#turns.set(sessionId, { turn, bytes })
    this.#bytes += bytes
    for (const oldest of this.#turns.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#drop(oldest)
    }
  }

  #drop(sessionId: string): void {
    this.#bytes -= this.#turns.get(sessionId)?.bytes ?? 0
    this.#turns.delete(sessionId)
  }

  /** The turn that was committed under this very claim. */
  under({ sessionId, claim }: Pick<Claim, 'sessionId' | 'claim'>): TURN | undefined {
    const turn = this.#turns.get(sessionId)?.turn
    return turn?.claim.claim === claim ? turn : undefined
  }

  get sessionIds(): string[] {
    return [...this.#dueAt.keys()]
  }

  /** Sessions that are to be asked after once more. */
  get due(): string[] {
    const now = performance.now()
    return [...this.#dueAt].flatMap(([sessionId, dueAt]) => (dueAt <= now ? [sessionId] : []))
  }

  /** Lets a turn go whose time is over: the commit stands, or the session is another's. */
  release(sessionId: string): void {
    const dueAt = this.#dueAt.get(sessionId)
    if (dueAt === undefined || dueAt > performance.now()) return
    this.#dueAt.delete(sessionId)
    this.#drop(sessionId)
  }
}
