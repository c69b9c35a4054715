/**
 * The last turn of each session that this instance committed a moment ago. A failover of the store may
 * undo a commit that the store acknowledged, and only this instance can make the same commit again. No
 * index names these turns: the commit removed them from it, or another instance emptied the index while
 * this one sent no heartbeat. The instance therefore checks them after each outage of the store, and
 * once more before it releases them.
 */
import type { Claim } from '../store/turn.ts'
import type { TurnCommit } from './turn-commit.ts'

/** The longest duration of a failover that began before the commit, in milliseconds. */
const retentionMs = 15_000

/**
 * The limit for the memory of these turns, in bytes: thousands of answers. Above it, the oldest turns
 * are dropped. Their sessions are still checked: if a failover undid a dropped commit, the turn continues
 * from the rest of its log.
 */
const retainedBytesMax = 128 * 1024 * 1024

type Commit = Pick<TurnCommit, 'claim' | 'bytes'>

export class CommittedTurns<TURN extends Commit = TurnCommit> {
  readonly #dueAt = new Map<string, number>()
  readonly #turns = new Map<string, { turn: TURN; bytes: number }>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax = retainedBytesMax) {
    this.#bytesMax = bytesMax
  }

  add(turn: TURN): void {
    const { sessionId } = turn.claim
    const { bytes } = turn
    this.#drop(sessionId)
    this.#dueAt.set(sessionId, performance.now() + retentionMs)
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

  /** The turn that was committed under this claim. */
  under({ sessionId, claim }: Pick<Claim, 'sessionId' | 'claim'>): TURN | undefined {
    const turn = this.#turns.get(sessionId)?.turn
    return turn?.claim.claim === claim ? turn : undefined
  }

  get sessionIds(): string[] {
    return [...this.#dueAt.keys()]
  }

  /** The ids of the sessions that are due for their last check. */
  get due(): string[] {
    const now = performance.now()
    return [...this.#dueAt].flatMap(([sessionId, dueAt]) => (dueAt <= now ? [sessionId] : []))
  }

  /** Drops a turn after its retention. Its commit is stored, or another instance owns the session. */
  release(sessionId: string): void {
    const dueAt = this.#dueAt.get(sessionId)
    if (dueAt === undefined || dueAt > performance.now()) return
    this.#dueAt.delete(sessionId)
    this.#drop(sessionId)
  }
}
