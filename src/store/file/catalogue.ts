/**
 * The list of the sessions of a folder: their records and the lengths of their files. `index` on the disk
 * is a cache of it, so that a start need not read every file: a row counts only if the file has the length
 * that the row names. The files of the sessions decide, so the index is never synced.
 */
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { WorkSteps } from '../../ground/long-work.ts'
import { StorageSums } from '../memory/storage.ts'
import { Trees } from '../memory/trees.ts'
import type { SessionRecord } from '../session.ts'
import { storeFailure } from './failure.ts'
import { lineOf, recordsIn } from './record.ts'
import { format } from './stored.ts'

export interface Row {
  readonly id: string
  /** The length of the file, in bytes. */
  size: number
  /** The time of the last write, in milliseconds. */
  writtenAt: number
  usedAt: number
  /** Undefined for a deleted session, whose file keeps its last claim. */
  record: SessionRecord | undefined
}

type StoredRow = [
  id: string,
  size: number,
  writtenAt: number,
  usedAt: number,
  record: SessionRecord | null,
]

/** The time after a change in which the index may lack it, in milliseconds. */
const flushAfterMs = 500

export class Catalogue {
  readonly #path: string
  readonly #report: (error: unknown) => void
  /** The session that was written the longest ago first. */
  readonly #rows = new Map<string, Row>()
  readonly #trees = new Trees()
  /** What each owner stores. */
  readonly sums = new StorageSums()
  readonly #changed = new Set<string>()
  /** The number of records in the index. */
  #stored = 0
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Whether the index must be written anew, also without a change. */
  #isOutdated = false

  constructor(folder: string, report: (error: unknown) => void) {
    this.#path = join(folder, 'index')
    this.#report = report
  }

  /** Reads the index. A missing or damaged index is as an empty one. */
  async read(): Promise<void> {
    const bytes = await readFile(this.#path).catch(() => Buffer.alloc(0))
    let isKnown = false
    for (const { kind, json } of recordsIn(bytes)) {
      if (kind === 'h') isKnown = JSON.parse(json) === format
      if (kind !== 'r' || !isKnown) continue
      const [id, size, writtenAt, usedAt, record]: Partial<StoredRow> = JSON.parse(json)
      if (id === undefined) continue
      this.#delete(id)
      if (size === undefined || writtenAt === undefined || usedAt === undefined) continue
      this.#set({ id, size, writtenAt, usedAt, record: record ?? undefined })
    }
    // The next write replaces the file, also if its end is damaged.
    this.#stored = Infinity
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id)
  }

  get size(): number {
    return this.#rows.size
  }

  /** The session that was written the longest ago comes first. */
  all(): IterableIterator<Row> {
    return this.#rows.values()
  }

  /** Puts the row at the end. */
  put(row: Row): void {
    this.#rows.delete(row.id)
    this.#set(row)
    this.changed(row.id)
  }

  delete(id: string): void {
    if (this.#delete(id)) this.changed(id)
  }

  /** The tasks of a root that have files. A session that is no root has none. */
  tasksOf(rootId: string): Row[] {
    return [...this.#trees.tasksOf(rootId)].flatMap((id) => this.#rows.get(id) ?? [])
  }

  #set(row: Row): void {
    this.#rows.set(row.id, row)
    this.sums.note(row.id, row.record)
    this.#trees.add(row.id)
  }

  #delete(id: string): boolean {
    this.#trees.delete(id)
    this.sums.note(id, undefined)
    return this.#rows.delete(id)
  }

  /** Notes that the row of a session differs from the index. */
  changed(id: string): void {
    this.#changed.add(id)
    this.sums.note(id, this.#rows.get(id)?.record)
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.flush().catch((error: unknown) => this.#report(storeFailure(error)))
    }, flushAfterMs).unref()
  }

  /** Writes the changed rows. */
  flush(): Promise<void> {
    // One write at a time, because the order of the rows counts.
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#write())
    return this.#flushing
  }

  /** Writes the whole index anew, without the rows of sessions that are gone. */
  rewrite(): Promise<void> {
    this.#stored = Infinity
    this.#isOutdated = true
    return this.flush()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.flush()
  }

  async #write(): Promise<void> {
    const ids = [...this.#changed]
    this.#changed.clear()
    if (ids.length === 0 && !this.#isOutdated) return
    this.#isOutdated = false
    try {
      if (this.#stored > 2 * this.#rows.size + 1000) return await this.#replace()
      await appendFile(this.#path, ids.map((id) => this.#lineOf(id)).join(''), { mode: 0o600 })
      this.#stored += ids.length
    } catch (error) {
      // The rows that the index lacks are read from the files at the next start.
      this.#stored = Infinity
      throw error
    }
  }

  async #replace(): Promise<void> {
    const draft = `${this.#path}.draft`
    const steps = new WorkSteps()
    const rows: string[] = []
    // A row that changes meanwhile is in the next write again.
    const ids = Array.from(this.#rows.keys())
    for (const id of ids) {
      rows.push(this.#lineOf(id))
      await steps.next(rows.at(-1)?.length ?? 0)
    }
    await writeFile(draft, [lineOf('h', JSON.stringify(format)), ...rows].join(''), { mode: 0o600 })
    await rename(draft, this.#path)
    this.#stored = rows.length
  }

  #lineOf(id: string): string {
    const row = this.#rows.get(id)
    if (row === undefined) return lineOf('r', JSON.stringify([id]))
    const { size, writtenAt, usedAt, record = null } = row
    const stored: StoredRow = [id, size, writtenAt, usedAt, record]
    return lineOf('r', JSON.stringify(stored))
  }
}
