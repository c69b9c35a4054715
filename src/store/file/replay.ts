/** Reads the file of a session. Loom wrote its records, and each has a checksum, so nothing is validated. */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { LoomError } from '../../ground/error.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import type { Letter } from '../letter.ts'
import type { LogEntry } from '../log.ts'
import { createSession, type MemorySession, type MemoryTurn } from '../memory/session.ts'
import { TaskTree } from '../memory/task-tree.ts'
import { wholeMessage } from '../record/message.ts'
import type { Branch } from '../session.ts'
import type { Summary } from '../summary.ts'
import { recordsIn } from './record.ts'
import { noteUse, type ReadShared, type Uses } from './segments.ts'
import {
  type Change,
  type Head,
  latestFormat,
  type StoredBranch,
  type StoredCore,
  type StoredReference,
  type StoredTasks,
  type StoredTurn,
} from './stored.ts'

export interface StoredFile {
  /** Undefined if the head of the file is not whole. */
  head: Head | undefined
  /** Undefined if the file has no whole change. */
  session: MemorySession | undefined
  /** The values by number. */
  values: object[]
  /** The messages of segments to which the file refers. */
  uses: Uses
  /** The length of the part with whole records, in bytes. */
  size: number
}

/** Reads in steps, so that a large file does not block the event loop. */
export async function readStored(bytes: Buffer, readShared: ReadShared): Promise<StoredFile> {
  const steps = new WorkSteps()
  const replay = new Replay()
  for (const { kind, json, end } of recordsIn(bytes)) {
    // The caller refuses a later format. This version would misread its records.
    if (replay.isLater) break
    if (kind === 'g') {
      const [segment, number]: StoredReference = JSON.parse(json)
      replay.addShared([segment, number], await readShared(segment, number))
    } else replay.add(kind, json)
    replay.size = end
    await steps.next(json.length)
  }
  return replay
}

class Replay implements StoredFile {
  head: Head | undefined
  session: MemorySession | undefined
  readonly values: object[] = []
  readonly uses = new Map<string, Set<number>>()
  size = 0
  readonly #messages = new Map<number, UIMessage>()
  readonly #letters = new Map<number, Letter>()
  readonly #contexts = new Map<number, JSONObject>()
  readonly #summaries = new Map<number, Summary>()

  get isLater(): boolean {
    return this.head !== undefined && this.head.format > latestFormat
  }

  addShared([segment, number]: StoredReference, message: UIMessage): void {
    noteUse(this.uses, segment, number)
    this.#keep(this.#messages, message)
  }

  add(kind: string, json: string): void {
    if (kind === 'h') this.head = JSON.parse(json)
    else if (kind === 'm' || kind === 'n')
      this.#keep(this.#messages, wholeMessage(JSON.parse(json)))
    else if (kind === 'c') this.#keep(this.#contexts, JSON.parse(json))
    else if (kind === 's') this.#keep(this.#summaries, JSON.parse(json))
    else if (kind === 'l') this.#keep(this.#letters, this.#letterIn(json))
    else if (kind === 'e') this.#append(JSON.parse(json))
    else if (kind === 'p') this.#apply(JSON.parse(json))
  }

  #keep<VALUE extends object>(values: Map<number, VALUE>, value: VALUE): void {
    values.set(this.values.length, value)
    this.values.push(value)
  }

  #letterIn(json: string): Letter {
    const [content, rest]: [number | null, Omit<Letter, 'message'>] = JSON.parse(json)
    return content === null ? rest : { ...rest, message: this.#message(content) }
  }

  #append(entry: LogEntry): void {
    const turn = this.session?.turn
    if (turn === undefined) return
    this.session?.logs.get(turn.logId)?.entries.push(entry)
    turn.lastId = entry.id
  }

  #apply(change: Change): void {
    const { begin, core, history, known = [], branches, logs = [], claims = [] } = change
    if (begin !== undefined) {
      const { tenant, subject, agent, createdAt } = begin
      const id = this.head?.id ?? ''
      this.session = createSession({ id, tenant, subject, agent, at: createdAt })
    }
    const { session } = this
    if (session === undefined) return
    if (history !== undefined) this.#applyHistory(session, history)
    for (const [id, as, replyId = '', digest] of known) {
      if (as === undefined) session.known.delete(id)
      else session.known.set(id, { as, replyId, digest })
    }
    if (branches !== undefined) {
      session.branches = branches.map((each) => this.#branch(each))
      session.messageBytes = undefined
    }
    for (const { id, isNew, until, added = [] } of logs) {
      const before = isNew === true ? undefined : session.logs.get(id)
      const log = before ?? { entries: [], until: undefined }
      for (const entry of added) log.entries.push(entry)
      log.until = until ?? log.until
      session.logs.set(id, log)
    }
    for (const [claim, logId] of claims) session.claims.set(claim, logId)
    boundClaims(session.claims)
    if (change.tasks !== undefined) this.#applyTasks(session, change.tasks)
    if (core !== undefined) this.#applyCore(session, core)
  }

  #applyTasks(
    session: MemorySession,
    { added = [], changed = [], gone = [], removedSpent }: StoredTasks,
  ): void {
    const tree = (session.tree ??= new TaskTree())
    for (const { task, ...entry } of added) {
      tree.put({ ...entry, task: { ...task, letter: this.#letter(task.letter) } })
    }
    for (const [id, state, spent] of changed) {
      const before = tree.get(id)
      if (before === undefined) continue
      const { spent: _, ...entry } = before
      tree.put({ ...entry, state, ...(spent && { spent }) })
    }
    for (const [id, isRemoved] of gone) tree.drop(id, { isRemoved })
    if (removedSpent !== undefined) tree.removedSpent = removedSpent
  }

  #applyHistory(session: MemorySession, [keep, ...added]: [number, ...number[]]): void {
    const kept = [...session.history.values()].slice(0, keep)
    const messages = [...kept, ...added.map((number) => this.#message(number))]
    session.messageBytes = undefined
    session.history = new Map(messages.map((message) => [message.id, message]))
  }

  #applyCore(session: MemorySession, core: StoredCore): void {
    const { context, summary, turn, mailbox, error, spent, schedules = [], ...others } = core
    const { unfinishedSpent, ...rest } = others
    Object.assign(session, { members: [], fileBytes: 0, ...rest })
    session.error = error
    session.spent = spent
    session.unfinishedSpent = unfinishedSpent
    session.context = context === undefined ? undefined : valueOf(this.#contexts, context)
    session.summary = summary === undefined ? undefined : valueOf(this.#summaries, summary)
    session.mailbox = mailbox.map(([letter, agent, band]) => ({
      letter: this.#letter(letter),
      agent,
      band,
    }))
    session.schedules = new Map(
      schedules.map(({ letter, ...schedule }) => [
        schedule.id,
        { ...schedule, letter: this.#letter(letter) },
      ]),
    )
    session.turn = turn && this.#turn(session, turn)
  }

  #turn({ branches }: MemorySession, turn: StoredTurn): MemoryTurn {
    const { letter, context, cutInto, floor, stop, abandoned, ...rest } = turn
    return {
      ...rest,
      appendedAt: 0,
      letter: this.#letter(letter),
      context: context === undefined ? undefined : valueOf(this.#contexts, context),
      floor,
      stop,
      abandoned,
      cutInto:
        cutInto === undefined
          ? undefined
          : (branches.find(({ number }) => number === cutInto) ?? droppedBranch(cutInto)),
    }
  }

  #branch({ messages, ...branch }: StoredBranch): Branch {
    return { ...branch, messages: messages.map((number) => this.#message(number)) }
  }

  #message = (number: number) => valueOf(this.#messages, number)
  #letter = (number: number) => valueOf(this.#letters, number)
}

/** A change follows its values in the file, so each of its numbers has a value. */
function valueOf<VALUE>(values: ReadonlyMap<number, VALUE>, number: number): VALUE {
  const value = values.get(number)
  if (value === undefined) throw new LoomError('internal', 'A stored change has no value.')
  return value
}

/** The branch was dropped since, because the session had too many. */
function droppedBranch(number: number): Branch {
  return { number, at: '', position: 0, cutAtMs: 0, messages: [] }
}

function boundClaims(claims: Map<number, string>): void {
  for (const claim of claims.keys()) {
    if (claims.size <= 1000) return
    claims.delete(claim)
  }
}
