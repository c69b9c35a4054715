/**
 * A model of one session: a few lists that show the replies that a store must return. It is simple to read, has
 * every rule in one place, and follows the text of the port and not an adapter.
 */
import type { Letter, WhenBusy } from '../../store/letter.ts'
import type { KnownAs } from '../../store/mailbox.ts'
import type { Stop } from '../../store/turn.ts'

interface ModelTurn {
  letter: Letter
  logId: string
  /** The user messages that the turn put into the history. */
  own: string[]
  stop: Stop | undefined
  abandoned: string | undefined
  /** The branch that its letter cut. */
  branch: string[] | undefined
}

interface ModelQueued {
  letter: Letter
  rank: number
}

const order = ['answer', 'steer', 'urgent', 'message', 'result'] as const
type Band = (typeof order)[number]

const isIn = ({ rank }: ModelQueued, band: Band): boolean => order[rank] === band

/** Whether the turn that runs takes the letter. */
export const isForTurn = (queued: ModelQueued): boolean =>
  isIn(queued, 'steer') || isIn(queued, 'result')

export class Model {
  state: 'none' | 'idle' | 'running' | 'waiting' = 'none'
  history: string[] = []
  branches: string[][] = []
  queue: ModelQueued[] = []
  turn: ModelTurn | undefined
  /** The state of every id, and the turn that answered it. */
  readonly fates = new Map<string, { as: KnownAs; replyId: string }>()

  post(letter: Letter, whenBusy: WhenBusy, limit: number): string {
    return this.knownAs(letter.id) ?? this.accept(letter, whenBusy, limit)
  }

  /** The result of a task. */
  postResult(letter: Letter, limit: number): string {
    if (this.state === 'none') return 'gone'
    const known = this.knownAs(letter.id)
    if (known !== undefined) return known
    if (this.state === 'idle' && this.queue.length === 0) return this.begin(letter)
    if (this.queue.length >= limit) return 'full'
    this.fates.set(letter.id, { as: 'done', replyId: letter.replyId })
    return this.putInto('result', letter)
  }

  /** An edit of a message that is not in the history. */
  edit(letter: Letter, whenBusy: WhenBusy, limit: number): string {
    const queued = this.queue.find((each) => each.letter.id === letter.id)
    if (queued === undefined) {
      const isNew = this.knownAs(letter.id) === undefined
      const isWithdrawn = this.fates.get(letter.id)?.as === 'withdrawn'
      return isNew || isWithdrawn ? this.accept(letter, whenBusy, limit) : 'moved'
    }
    const { kind, replyId, cutAt } = queued.letter
    if (kind !== 'message' || replyId !== letter.replyId || cutAt !== undefined) return 'moved'
    const isRunning = this.state === 'running'
    if (isRunning && whenBusy === 'reject') return 'busy'
    // Without a running turn, there is nothing to steer, so a steered letter keeps its place in the queue.
    if (whenBusy !== 'queue' && (isRunning || whenBusy !== 'steer')) {
      this.queue = this.queue.filter((each) => each !== queued)
      return isRunning ? this.enqueue(letter, whenBusy) : this.begin(letter)
    }
    queued.letter = letter
    this.fates.set(letter.id, { as: 'done', replyId })
    return this.placeOf(queued)
  }

  private accept(letter: Letter, whenBusy: WhenBusy, limit: number): string {
    const isOpen = this.state === 'running' || this.state === 'waiting'
    if (letter.kind === 'answer' && !isOpen) return 'refused'
    const isHeld = (id: string) => this.history.includes(id) || (isOpen && this.turn?.logId === id)
    if (letter.cutAt !== undefined && !isHeld(letter.cutAt)) return 'refused'
    if (this.state !== 'running') return this.begin(letter)
    if (whenBusy === 'reject' && letter.kind === 'message') return 'busy'
    if (this.queue.length >= limit) return 'full'
    return this.enqueue(letter, whenBusy)
  }

  withdraw(id: string): boolean {
    const isThere = this.queue.some(({ letter }) => letter.id === id)
    this.queue = this.queue.filter(({ letter }) => letter.id !== id)
    if (isThere) this.bury(id, 'withdrawn')
    return isThere
  }

  takeSteered(): string[] | 'lost' {
    const { turn } = this
    if (this.state !== 'running' || turn === undefined) return 'lost'
    const taken = this.queue.filter(isForTurn).map((each) => each.letter)
    this.queue = this.queue.filter((each) => !isForTurn(each))
    for (const letter of taken) this.enter(letter, turn)
    return taken.map(({ id }) => id)
  }

  /** @returns the id of the letter that is next, or `lost` */
  finish(state: 'idle' | 'waiting', discard: boolean): string | undefined {
    const { turn } = this
    if (this.state !== 'running' || turn === undefined) return 'lost'
    if (discard) {
      const gone = [...turn.own, turn.logId]
      this.history = this.history.filter((id) => !gone.includes(id))
      for (const id of [...turn.own, turn.letter.id]) this.bury(id, 'withdrawn')
    } else if (!this.history.includes(turn.logId)) {
      this.history.push(turn.logId)
    }
    this.state = state
    for (let [next] = this.queue; next; [next] = this.queue) {
      // A result waits until the message that waits for an answer is finished or abandoned.
      if (state === 'waiting' && isIn(next, 'result')) return undefined
      this.queue.shift()
      const { letter } = next
      const isPlaced = letter.cutAt === undefined || this.history.includes(letter.cutAt)
      if (isPlaced && (letter.kind === 'message' || state === 'waiting')) {
        this.begin(letter)
        return letter.id
      }
      this.bury(letter.id, 'cut')
    }
    return undefined
  }

  settle(): void {
    const { turn } = this
    if (this.state !== 'running' || turn?.abandoned === undefined) return
    const id = turn.abandoned
    turn.abandoned = undefined
    if (this.history.includes(id) || turn.branch?.includes(id)) return
    if (turn.branch !== undefined) turn.branch.push(id)
    else this.insertBefore(id, turn.letter.message?.id)
  }

  stop(): boolean {
    if (this.state === 'running' && this.turn) this.turn.stop ??= 'keep'
    return this.state === 'running'
  }

  private knownAs(id: string): string | undefined {
    const queued = this.queue.find(({ letter }) => letter.id === id)
    if (queued) return `known queued ${queued.letter.replyId}`
    const fate = this.fates.get(id)
    const { turn } = this
    const isOpen = this.state === 'running' || this.state === 'waiting'
    const isOfTurn = turn && [turn.logId, turn.letter.id].includes(id)
    if (isOpen && turn && (isOfTurn || fate?.replyId === turn.logId)) {
      return `known running ${turn.logId}`
    }
    if (fate) return `known ${fate.as} ${fate.replyId}`
    return this.history.includes(id) ? 'known done ' : undefined
  }

  private enqueue(letter: Letter, whenBusy: WhenBusy): string {
    const { turn } = this
    const isUrgent = whenBusy === 'interrupt' || whenBusy === 'rollback'
    const steers = whenBusy === 'steer' && letter.cutAt === undefined
    const isLate = steers && turn?.stop !== undefined
    const message = isUrgent || isLate ? 'urgent' : steers ? 'steer' : 'message'
    const band = letter.kind === 'answer' ? 'answer' : message
    if (turn && band === 'urgent' && whenBusy === 'rollback') turn.stop = 'discard'
    if (turn && band === 'urgent' && whenBusy === 'interrupt') turn.stop ??= 'keep'
    this.fates.set(letter.id, { as: 'done', replyId: letter.replyId })
    return this.putInto(band, letter)
  }

  private putInto(band: Band, letter: Letter): string {
    const queued = { letter, rank: order.indexOf(band) }
    this.queue = [...this.queue, queued].sort((a, b) => a.rank - b.rank)
    return this.placeOf(queued)
  }

  private placeOf(queued: ModelQueued): string {
    const isSteered = this.state === 'running' && isForTurn(queued)
    return `queued ${this.queue.indexOf(queued)}${isSteered ? ' steered' : ''}`
  }

  private begin(letter: Letter): string {
    const before = this.turn
    const left = this.state === 'waiting' ? before?.logId : before?.abandoned
    this.state = 'running'
    if (letter.kind === 'answer' && before !== undefined) {
      this.turn = { ...before, letter, stop: undefined, branch: undefined }
    } else {
      const branch = letter.cutAt === undefined ? undefined : this.cut(letter.cutAt)
      const logId = letter.replyId
      this.turn = { letter, logId, own: [], stop: undefined, abandoned: left, branch }
      this.enter(letter, this.turn)
    }
    this.fates.set(letter.id, { as: 'done', replyId: this.turn.logId })
    return `claimed ${this.turn.logId} ${this.turn.abandoned ?? ''}`
  }

  private enter({ id, message }: Letter, turn: ModelTurn): void {
    this.fates.set(id, { as: 'done', replyId: turn.logId })
    if (message === undefined) return
    if (!this.history.includes(message.id)) this.history.push(message.id)
    turn.own.push(message.id)
    this.fates.set(message.id, { as: 'done', replyId: turn.logId })
  }

  private cut(at: string): string[] | undefined {
    const position = this.history.indexOf(at)
    if (position === -1) return undefined
    const branch = this.history.splice(position)
    this.branches.push(branch)
    for (const id of branch) this.bury(id, 'cut')
    return branch
  }

  private bury(id: string, as: KnownAs): void {
    this.fates.set(id, { as, replyId: this.fates.get(id)?.replyId ?? '' })
  }

  private insertBefore(id: string, before: string | undefined): void {
    const at = before === undefined ? -1 : this.history.indexOf(before)
    this.history.splice(at === -1 ? this.history.length : at, 0, id)
  }
}
