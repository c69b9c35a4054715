/**
 * Writes a turn's events to its log, and gives them to local readers once the log has them. While one
 * append is in flight, what is emitted gathers; the reply sends the next (group commit). A tool call
 * is in the log before the tool may run. When the log says that somebody else owns the turn, nothing
 * more is written, and the turn is told to end. The file is long because gathering, appending and losing
 * the log share one state.
 */
import { setTimeout as delay } from 'node:timers/promises'

import type { AgentEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import { isOnePiece } from '../ground/json/pieces.ts'
import type { Sink } from '../sink.ts'
import type { AppendReply, Intents, LogEntry, LogWriter } from '../store/log.ts'
import type { LocalTail } from './local-tail.ts'
import { memoryOf } from './memory-of.ts'

/**
 * Never the last of an entry: what comes right behind them tells whether the turn is done, and an
 * owner that dies between the two would leave a whole answer that looks like a part of one.
 */
const heldBack: ReadonlySet<AgentEvent['type']> = new Set(['finish-step', 'abort', 'error'])

/** Characters of deltas that may gather before the turn is held back. */
const gatherMax = 1_000_000

/**
 * How many appends may go without the floor between them after a pause: a turn's first events and its
 * first word, and a token that comes a little early.
 */
const atOnceMax = 3

export interface TurnLogOptions {
  store: LogWriter
  at: { sessionId: string; claim: number; logId: string; lastId: string }
  tail: Pick<LocalTail, 'push'>
  /** The least time between two appends, on the average, in milliseconds; the first go at once. */
  flushMs: number
  /** How long a store that is away is waited for, in milliseconds. */
  patienceMs: number
  onIntents: (intents: Intents) => void
  /** Called once: the turn is no longer ours, or the log cannot be written. */
  onLost: (error: LoomError) => void
}

export class TurnLog {
  #options: TurnLogOptions
  /** Own entries so far: a failover may lose acknowledged ones, and they are appended again. */
  readonly #entries: LogEntry[] = []
  #waiting: AgentEvent[] = []
  #waitingSize = 0
  /** Waiting events that are large: each of them ends an entry, so that none is written with another. */
  #large: AgentEvent[] = []
  #lastId: string
  #seq = 0
  /** Until when the appends so far have used up what the floor allows. */
  #usedUntil = Number.NEGATIVE_INFINITY
  #inFlight: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  #failure: LoomError | undefined
  #detached = false

  constructor(options: TurnLogOptions) {
    this.#options = options
    this.#lastId = options.at.lastId
  }

  readonly sink: Sink = (event) => {
    if (this.#detached) return undefined
    if (this.#failure !== undefined) throw this.#failure
    this.#gather(event)
    if (event.type === 'tool-input-available' || this.#waitingSize > gatherMax) return this.flush()
    this.#schedule()
    return undefined
  }

  /** Settles when all that was emitted is in the log. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#inFlight !== undefined) {
      if (this.#failure !== undefined) throw this.#failure
      await (this.#inFlight ?? this.#send(this.#waiting.length))
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The newest entry that the log was told to hold. */
  get lastId(): string {
    return this.#lastId
  }

  /** Makes sure once more that the log holds all that was written: a failover may have lost its end. */
  async restore(): Promise<void> {
    const last = this.#entries.at(-1)
    if (last === undefined) return
    const before = this.#entries.at(-2)?.id ?? this.#options.at.lastId
    await this.#appendAfter(before, last)
  }

  /** Memory that what was written takes, in bytes, about. */
  get bytes(): number {
    return memoryOf(this.#entries)
  }

  /** The turn is over: whoever keeps its log, to restore it, does not keep the turn. */
  release(): void {
    this.#options = { ...this.#options, ...nobody }
  }

  /** From here on nothing is written, whatever is still emitted: the turn was handed over. */
  async detach(): Promise<void> {
    this.#detached = true
    this.#waiting = []
    this.#large = []
    this.#unschedule()
    await this.#inFlight?.catch(() => undefined)
  }

  /** Adjacent deltas of one part become one: a slow store then costs fewer bytes, not more. */
  #gather(event: AgentEvent): void {
    const last = this.#waiting.at(-1)
    const merged = last === undefined ? undefined : mergedDelta(last, event)
    if (merged === undefined) this.#waiting.push(event)
    else this.#waiting[this.#waiting.length - 1] = merged
    if ('delta' in event) this.#waitingSize += event.delta.length
    else if ('output' in event && !isOnePiece(event.output)) {
      this.#large.push(event)
      this.#waitingSize = gatherMax + 1
    }
  }

  /** An append that is due takes all that this turn of the event loop still brings. */
  #schedule(): void {
    if (this.#inFlight !== undefined || this.#timer !== undefined) return
    if (this.#immediate !== undefined || this.#sendable === 0) return
    const dueMs = this.#usedUntil - (atOnceMax - 1) * this.#options.flushMs - performance.now()
    if (dueMs > 0) this.#timer = setTimeout(this.#sendDue, dueMs)
    else this.#immediate = setImmediate(this.#sendDue)
  }

  #unschedule(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    this.#immediate = undefined
  }

  readonly #sendDue = (): void => {
    void this.#send(this.#sendable).catch(() => undefined)
  }

  /** How many of the waiting events may go now. */
  get #sendable(): number {
    return this.#waiting.findLastIndex(({ type }) => !heldBack.has(type)) + 1
  }

  #send(sendable: number): Promise<void> {
    this.#unschedule()
    const [large] = this.#large
    const count = large === undefined ? sendable : this.#waiting.indexOf(large) + 1
    if (large !== undefined) this.#large.shift()
    const { claim } = this.#options.at
    // A copy of just that size: an array that grew has room for many more, and the log is kept.
    const entry = { id: `${claim}-${this.#seq + 1}`, events: this.#waiting.slice(0, count) }
    this.#seq++
    this.#waiting = this.#waiting.slice(count)
    this.#waitingSize = 0
    this.#usedUntil = Math.max(performance.now(), this.#usedUntil) + this.#options.flushMs
    this.#inFlight = this.#append(entry).finally(() => {
      this.#inFlight = undefined
      if (this.#waiting.length > 0 && !this.#detached && this.#failure === undefined) {
        this.#schedule()
      }
    })
    return this.#inFlight
  }

  async #append(entry: LogEntry): Promise<void> {
    this.#entries.push(entry)
    const reply = await this.#appendAfter(this.#lastId, entry)
    this.#lastId = entry.id
    this.#options.tail.push(entry)
    if (reply.stop !== undefined || reply.steer) this.#options.onIntents(reply)
  }

  async #appendAfter(after: string, entry: LogEntry): Promise<Intents> {
    const { store, at } = this.#options
    const reply = await this.#insistently(() => store.append({ ...at, after }, entry))
    if (reply.status === 'lost') throw this.#lose(lostTurn())
    if (reply.status !== 'behind') return reply
    // A failover took acknowledged entries with it: what is missing goes first, under the same ids.
    const from = this.#entries.findIndex(({ id }) => id === reply.lastId) + 1
    let last = reply.lastId
    let intents: Intents = { steer: false }
    for (const missing of this.#entries.slice(from)) {
      const again = await this.#insistently(() => store.append({ ...at, after: last }, missing))
      if (again.status === 'lost' || again.status === 'behind') throw this.#lose(lostTurn())
      intents = again
      last = missing.id
    }
    return intents
  }

  /** An append carries its own id, so one whose answer was lost is simply made again. */
  async #insistently(append: () => Promise<AppendReply>): Promise<AppendReply> {
    const deadline = performance.now() + this.#options.patienceMs
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
      try {
        return await append()
      } catch (error) {
        const left = deadline - performance.now()
        if (!(error instanceof LoomError) || error.code !== 'unavailable' || left <= 0) {
          throw this.#lose(error instanceof LoomError ? error : unwritable(error))
        }
        await delay(Math.min(pauseMs, left))
      }
    }
  }

  #lose(error: LoomError): LoomError {
    if (this.#failure === undefined) {
      this.#failure = error
      this.#options.onLost(error)
    }
    return this.#failure
  }
}

/** Who hears of a log whose turn is over. */
const nobody: Pick<TurnLogOptions, 'tail' | 'onIntents' | 'onLost'> = {
  tail: { push: () => {} },
  onIntents: () => {},
  onLost: () => {},
}

const lostTurn = () => new LoomError('lost', 'Another instance owns this turn now.')

const unwritable = (cause: unknown) =>
  new LoomError('unavailable', 'The log cannot be written.', { cause, retryable: true })

function mergedDelta(last: AgentEvent, event: AgentEvent): AgentEvent | undefined {
  if (last.type === 'text-delta' || last.type === 'reasoning-delta') {
    if (event.type !== last.type || event.id !== last.id) return undefined
    if (event.providerMetadata !== undefined || last.providerMetadata !== undefined)
      return undefined
    return { type: last.type, id: last.id, delta: last.delta + event.delta }
  }
  if (last.type !== 'tool-input-delta' || event.type !== last.type) return undefined
  const { type, toolCallId, inputTextDelta } = event
  if (toolCallId !== last.toolCallId) return undefined
  return { type, toolCallId, inputTextDelta: last.inputTextDelta + inputTextDelta }
}
