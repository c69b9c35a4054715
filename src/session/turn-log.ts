/**
 * Writes the events of a turn to its log, and delivers them to local readers after the log has them. It
 * collects events while an append is in progress, and sends them with the next one (group commit). A tool
 * call is in the log before the tool may run. If the store reports another owner, it writes nothing more
 * and ends the turn.
 */
import type { LogEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import type { AppendReply, Intents, LogEntry, LogWriter } from '../store/log.ts'
import { withRetries } from './append-retries.ts'
import { EventBuffer } from './event-buffer.ts'
import type { LocalTail } from './local-tail.ts'
import { memorySize } from './memory-size.ts'

/**
 * The number of appends that need no minimum time between them after a pause: the first events of a turn,
 * its first word, and a token that comes a little early.
 */
const burstMax = 3

export interface TurnLogOptions {
  store: LogWriter
  at: { sessionId: string; claim: number; logId: string; lastId: string }
  tail: Pick<LocalTail, 'push'>
  /** The minimum average time between two appends, in milliseconds. The first appends are sent at once. */
  flushMs: number
  /** The longest wait for an unreachable store, in milliseconds. */
  patienceMs: number
  onIntents: (intents: Intents) => void
  /** Called once, if another instance owns the turn or the log cannot be written. */
  onLost: (error: LoomError) => void
}

export class TurnLog {
  #options: TurnLogOptions
  /** The entries of this claim. If a failover loses acknowledged entries, they are appended again. */
  readonly #entries: LogEntry[] = []
  readonly #waiting = new EventBuffer()
  #lastId: string
  #seq = 0
  /** The time from which `flushMs` allows a full burst again, in monotonic milliseconds. */
  #burstAt = Number.NEGATIVE_INFINITY
  #inFlight: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  #failure: LoomError | undefined
  #isDetached = false

  constructor(options: TurnLogOptions) {
    this.#options = options
    this.#lastId = options.at.lastId
  }

  readonly sink = (event: LogEvent): void | Promise<void> => {
    if (this.#isDetached) return undefined
    if (this.#failure !== undefined) throw this.#failure
    this.#waiting.add(event)
    if (event.type === 'tool-input-available' || this.#waiting.isFull) return this.flush()
    this.#schedule()
    return undefined
  }

  /**
   * Waits until the log has all emitted events.
   * @throws LoomError `lost` if the log was detached meanwhile. It lacks the events that waited, so the
   * caller must not commit the turn, and must not run a call whose events waited.
   */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#inFlight !== undefined) {
      if (this.#failure !== undefined) throw this.#failure
      await (this.#inFlight ?? this.#send(this.#waiting.length))
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isDetached) throw lostTurn()
  }

  /** The id of the last appended entry. */
  get lastId(): string {
    return this.#lastId
  }

  /** Appends again the entries that a failover has lost. */
  async restore(): Promise<void> {
    const last = this.#entries.at(-1)
    if (last === undefined) return
    const before = this.#entries.at(-2)?.id ?? this.#options.at.lastId
    await this.#appendAfter(before, last)
  }

  /** The approximate memory of the entries, in bytes. */
  get bytes(): number {
    return memorySize(this.#entries)
  }

  /** Removes the references to the turn, because the log may be kept longer than the turn. */
  release(): void {
    this.#options = { ...this.#options, ...noListeners }
  }

  /** Ignores all later events: the turn is lost or was handed over. */
  async detach(): Promise<void> {
    this.#isDetached = true
    this.#waiting.clear()
    this.#unschedule()
    await this.#inFlight?.catch(() => undefined)
  }

  /** Schedules the next append. One that is due takes all events of this turn of the event loop. */
  #schedule(): void {
    if (this.#inFlight !== undefined || this.#timer !== undefined) return
    if (this.#immediate !== undefined || this.#waiting.sendable === 0) return
    const dueMs = this.#burstAt - (burstMax - 1) * this.#options.flushMs - performance.now()
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
    void this.#send(this.#waiting.sendable).catch(() => undefined)
  }

  #send(sendable: number): Promise<void> {
    this.#unschedule()
    const { claim } = this.#options.at
    this.#seq++
    const entry = { id: `${claim}-${this.#seq}`, events: this.#waiting.take(sendable) }
    this.#burstAt = Math.max(performance.now(), this.#burstAt) + this.#options.flushMs
    this.#inFlight = this.#append(entry).finally(() => {
      this.#inFlight = undefined
      if (this.#waiting.length > 0 && !this.#isDetached && this.#failure === undefined) {
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
    const reply = await this.#withRetries(() => store.append({ ...at, after }, entry))
    if (reply.status === 'lost') throw this.#lose(lostTurn())
    if (reply.status !== 'behind') return reply
    // A failover lost acknowledged entries: the missing ones go first, under the same ids.
    const from = this.#entries.findIndex(({ id }) => id === reply.lastId) + 1
    let last = reply.lastId
    let intents: Intents = { steer: false }
    for (const missing of this.#entries.slice(from)) {
      const again = await this.#withRetries(() => store.append({ ...at, after: last }, missing))
      if (again.status === 'lost' || again.status === 'behind') throw this.#lose(lostTurn())
      intents = again
      last = missing.id
    }
    return intents
  }

  #withRetries(append: () => Promise<AppendReply>): Promise<AppendReply> {
    return withRetries(append, this.#options.patienceMs).catch((error: LoomError) => {
      throw this.#lose(error)
    })
  }

  #lose(error: LoomError): LoomError {
    if (this.#failure === undefined) {
      this.#failure = error
      this.#options.onLost(error)
    }
    return this.#failure
  }
}

/** The listeners of a log whose turn is over. */
const noListeners: Pick<TurnLogOptions, 'tail' | 'onIntents' | 'onLost'> = {
  tail: { push: () => {} },
  onIntents: () => {},
  onLost: () => {},
}

const lostTurn = () => new LoomError('lost', 'Another instance owns this turn now.')
