/** A record of the content of a session's file. It finds the difference between the file and the session in memory. */
import type { UIMessage } from 'ai'

import { isOnePiece } from '../../ground/json/pieces.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import type { Letter } from '../letter.ts'
import type { LogEntry } from '../log.ts'
import type { MemorySession, MemoryTurn } from '../memory/session.ts'
import type { Branch } from '../session.ts'
import { KnownIds } from './known-ids.ts'
import { messageRecord } from './message-form.ts'
import { pieceBuffers, piecesOf, RecordBatch, recordBuffers } from './record.ts'
import { noteUse, type Place } from './segments.ts'
import type { Change, StoredCore, StoredLog, StoredReference, StoredTurn } from './stored.ts'
import { TaskImage } from './task-image.ts'

/** The state of a log in the file. */
interface LogImage {
  entries: readonly LogEntry[]
  count: number
  until: number | undefined
}

export interface ImageOptions {
  /** Returns the place of a message in a segment, if the file may refer to it. */
  placeOf: (message: object) => Place | undefined
  /** Returns the format of the file. */
  format: () => number
}

export class SessionImage {
  /** The messages of segments to which the file refers. */
  readonly uses = new Map<string, Set<number>>()
  /** The length of the messages in segments to which the file refers, in bytes. */
  sharedBytes = 0
  readonly #options: ImageOptions
  /** The numbers of the values in the file. */
  readonly #numbers = new WeakMap<object, number>()
  #count = 0
  /** The session that the image shows. Undefined before the first change. */
  #session: MemorySession | undefined
  #core = ''
  #history: readonly UIMessage[] = []
  #branches: readonly Pick<Branch, 'number' | 'messages'>[] = []
  #logs = new Map<string, LogImage>()
  #lastClaim = 0
  readonly #tasks = new TaskImage()

  constructor(options: ImageOptions) {
    this.#options = options
  }

  /** Makes the image of a file with these values, whose records made this session. */
  static of(
    session: MemorySession | undefined,
    values: readonly object[],
    options: ImageOptions,
  ): SessionImage {
    const image = new SessionImage(options)
    for (const value of values) {
      const place = options.placeOf(value)
      if (place !== undefined) image.#share(place)
      image.#number(value)
    }
    // Every value has a number, so that this adds no record.
    if (session !== undefined) image.#changeOf(session, { batch: new RecordBatch() })
    return image
  }

  /**
   * Writes large messages before the change that refers to them, in steps. A message without such a
   * change has no effect.
   * @param all writes small messages too, for a change with very many of them
   */
  async stage(messages: readonly UIMessage[], { write, all = false }: StageOptions): Promise<void> {
    const steps = new WorkSteps()
    for (const value of messages) {
      if (this.#numbers.has(value)) continue
      const place = this.#options.placeOf(value)
      if (place !== undefined) {
        const json = this.#share(place)
        write(recordBuffers('g', json))
        this.#number(value)
        await steps.next(json.length)
      } else if (!isOnePiece(value)) {
        const { kind, value: json } = this.#record(value)
        await this.#stageOne(value, { kind, json, write })
      } else if (all) {
        const { kind, value: stored } = this.#record(value)
        const json = JSON.stringify(stored)
        write(recordBuffers(kind, json))
        this.#number(value)
        await steps.next(json.length)
      }
    }
  }

  /** As `stage`, for a letter and its message. */
  async stageLetter(letter: Letter, { write }: StageOptions): Promise<void> {
    const { message, ...rest } = letter
    if (message !== undefined) await this.stage([message], { write })
    if (this.#numbers.has(letter) || isOnePiece(rest)) return
    if (message !== undefined) await this.stage([message], { write, all: true })
    const content = message === undefined ? null : (this.#numbers.get(message) ?? null)
    await this.#stageOne(letter, { kind: 'l', json: [content, rest], write })
  }

  async #stageOne(
    value: object,
    { kind, json, write }: { kind: 'm' | 'n' | 'l'; json: unknown; write: Write },
  ): Promise<void> {
    const pieces = await piecesOf(kind, json)
    // Another call may have written it meanwhile.
    if (this.#numbers.has(value)) return
    write(pieceBuffers(pieces))
    this.#number(value)
  }

  /** Notes an entry that was written to the log of the turn. */
  append(logId: string): void {
    const log = this.#logs.get(logId)
    if (log !== undefined) log.count += 1
  }

  /**
   * Adds the records that bring the file to the state of the session. Adds nothing if it has this state.
   * @param withEntries false leaves the entries of logs and the tasks out
   */
  add(session: MemorySession, batch: RecordBatch, { withEntries = true } = {}): void {
    const change = this.#changeOf(session, { batch, withEntries })
    if (change !== undefined) batch.add('p', JSON.stringify(change))
  }

  /** Adds the records of a portion of the tasks of a root. Returns false if the file has all of them. */
  addTasks({ tree }: MemorySession, batch: RecordBatch, limit: number): boolean {
    const tasks = this.#tasks.changeOf(tree, (letter) => this.#letter(letter, batch), limit)
    if (tasks === undefined) return false
    const change: Change = { tasks }
    batch.add('p', JSON.stringify(change))
    return true
  }

  #changeOf(
    session: MemorySession,
    { batch, withEntries = true }: { batch: RecordBatch; withEntries?: boolean },
  ): Change | undefined {
    const isNew = this.#session !== session
    if (isNew) this.#begin(session)
    const { tenant, subject, agent, createdAt } = session
    const owner = { tenant, ...(subject !== undefined && { subject }) }
    const change: Change = isNew ? { begin: { ...owner, agent, createdAt } } : {}
    const known = session.known instanceof KnownIds ? session.known.take() : []
    if (known.length > 0) change.known = known
    this.#addHistory(session, { change, batch })
    this.#addBranches(session, { change, batch })
    this.#addLogs(session, { change, withEntries })
    this.#addClaims(session, change)
    const tasks = withEntries
      ? this.#tasks.changeOf(session.tree, (letter) => this.#letter(letter, batch))
      : undefined
    if (tasks !== undefined) change.tasks = tasks
    const core = this.#coreOf(session, batch)
    const json = JSON.stringify(core)
    if (json !== this.#core) change.core = core
    this.#core = json
    return Object.keys(change).length > 0 ? change : undefined
  }

  #begin(session: MemorySession): void {
    this.#session = session
    this.#core = ''
    this.#history = []
    this.#branches = []
    this.#logs = new Map()
    this.#lastClaim = 0
    this.#tasks.clear()
    session.known = KnownIds.of(session.known)
  }

  #addHistory(session: MemorySession, { change, batch }: Addition): void {
    const history = [...session.history.values()]
    const before = this.#history
    let keep = 0
    while (keep < before.length && before[keep] === history[keep]) keep += 1
    if (keep === before.length && keep === history.length) return
    change.history = [keep, ...history.slice(keep).map((message) => this.#message(message, batch))]
    this.#history = history
  }

  #addBranches(session: MemorySession, { change, batch }: Addition): void {
    const isSame =
      session.branches.length === this.#branches.length &&
      session.branches.every(({ number, messages }, index) => {
        const before = this.#branches[index]
        return before?.number === number && before.messages === messages
      })
    if (isSame) return
    change.branches = session.branches.map(({ messages, ...branch }) => ({
      ...branch,
      messages: messages.map((message) => this.#message(message, batch)),
    }))
    this.#branches = session.branches.map(({ number, messages }) => ({ number, messages }))
  }

  #addLogs(
    { logs }: MemorySession,
    { change, withEntries }: { change: Change; withEntries: boolean },
  ): void {
    const changed: StoredLog[] = []
    for (const [id, { entries, until }] of logs) {
      const before = this.#logs.get(id)
      const isNew = before?.entries !== entries
      const { count = 0 } = isNew ? {} : before
      if (!isNew && count === entries.length && before.until === until) continue
      const added = withEntries ? entries.slice(count) : []
      changed.push({
        id,
        ...(isNew && { isNew }),
        ...(until !== undefined && { until }),
        ...(added.length > 0 && { added }),
      })
      this.#logs.set(id, { entries, count: entries.length, until })
    }
    // An expired log is dropped by its time, and needs no record.
    for (const id of this.#logs.keys()) if (!logs.has(id)) this.#logs.delete(id)
    if (changed.length > 0) change.logs = changed
  }

  #addClaims({ claims, lastClaim }: MemorySession, change: Change): void {
    if (lastClaim === this.#lastClaim) return
    const added = [...claims].filter(([claim]) => claim > this.#lastClaim)
    if (added.length > 0) change.claims = added
    this.#lastClaim = lastClaim
  }

  #coreOf(session: MemorySession, batch: RecordBatch): StoredCore {
    const { state, updatedAt, usedAt, lastClaim, isHeld, branchesMade, error, spent } = session
    const { unfinishedSpent } = session
    const { context, summary, turn } = session
    return {
      state,
      updatedAt,
      usedAt,
      lastClaim,
      isHeld,
      branchesMade,
      ...(error !== undefined && { error }),
      ...(spent !== undefined && { spent }),
      ...(unfinishedSpent !== undefined && { unfinishedSpent }),
      ...(context !== undefined && { context: this.#value('c', context, batch) }),
      ...(summary !== undefined && { summary: this.#value('s', summary, batch) }),
      ...(turn !== undefined && { turn: this.#turnOf(turn, batch) }),
      mailbox: session.mailbox.map(({ letter, agent, band }) => [
        this.#letter(letter, batch),
        agent,
        band,
      ]),
      ...(session.members.length > 0 && { members: session.members }),
      ...(session.fileBytes > 0 && { fileBytes: session.fileBytes }),
      ...(session.schedules.size > 0 && {
        schedules: [...session.schedules.values()].map(({ letter, ...schedule }) => ({
          ...schedule,
          letter: this.#letter(letter, batch),
        })),
      }),
    }
  }

  #turnOf(turn: MemoryTurn, batch: RecordBatch): StoredTurn {
    const { letter, context, cutInto, floor, stop, abandoned, ...rest } = turn
    const { claim, owner, agent, logId, lastId, startedAt, takeovers, own } = rest
    return {
      claim,
      owner,
      agent,
      logId,
      lastId,
      startedAt,
      takeovers,
      own,
      letter: this.#letter(letter, batch),
      ...(context !== undefined && { context: this.#value('c', context, batch) }),
      ...(cutInto !== undefined && { cutInto: cutInto.number }),
      ...(floor !== undefined && { floor }),
      ...(stop !== undefined && { stop }),
      ...(abandoned !== undefined && { abandoned }),
    }
  }

  #message(message: UIMessage, batch: RecordBatch): number {
    const number = this.#numbers.get(message)
    if (number !== undefined) return number
    const place = this.#options.placeOf(message)
    if (place === undefined) {
      const { kind, value } = this.#record(message)
      batch.add(kind, JSON.stringify(value))
    } else batch.add('g', this.#share(place))
    return this.#number(message)
  }

  #value(kind: 'c' | 's', value: object, batch: RecordBatch): number {
    const number = this.#numbers.get(value)
    if (number !== undefined) return number
    batch.add(kind, JSON.stringify(value))
    return this.#number(value)
  }

  #record(message: UIMessage) {
    return messageRecord(message, this.#options.format())
  }

  /** Notes a reference of the file to a segment, and returns its JSON. */
  #share({ segment, number, bytes }: Place): string {
    noteUse(this.uses, segment, number)
    this.sharedBytes += bytes
    const reference: StoredReference = [segment, number]
    return JSON.stringify(reference)
  }

  #letter(letter: Letter, batch: RecordBatch): number {
    const number = this.#numbers.get(letter)
    if (number !== undefined) return number
    const { message, ...rest } = letter
    const content = message === undefined ? null : this.#message(message, batch)
    batch.add('l', JSON.stringify([content, rest]))
    return this.#number(letter)
  }

  #number(value: object): number {
    this.#numbers.set(value, this.#count)
    return this.#count++
  }
}

type Write = (buffers: readonly Buffer[]) => void

interface StageOptions {
  write: Write
  all?: boolean
}

interface Addition {
  change: Change
  batch: RecordBatch
}
