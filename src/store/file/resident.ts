/** One session in memory, with its file. */
import type { MemorySession } from '../memory/session.ts'
import { type Compactable, compact } from './compaction.ts'
import { SessionImage } from './image.ts'
import type { MessageForm } from './message-form.ts'
import { RecordBatch, recordBuffers } from './record.ts'
import type { Segments } from './segments.ts'
import type { SessionFile } from './session-file.ts'
import { type Head, sharedFormat } from './stored.ts'

/** A file may be longer than its present content by this much, in bytes, and by that content again. */
const outdatedMax = 65_536

export interface ResidentOptions {
  id: string
  file: SessionFile
  segments: Segments
  form: MessageForm
  /** The content of the file. Absent for a new file. */
  stored?: { format: number; session: MemorySession; values: object[] }
}

export class Resident implements Compactable {
  readonly id: string
  readonly file: SessionFile
  readonly segments: Segments
  readonly form: MessageForm
  image: SessionImage
  /** Undefined before the first write. */
  format: number | undefined
  /** Undefined before the first change of a new session. */
  session: MemorySession | undefined
  /** Whether the current call counts as a use, which renews the lifetime of the session. */
  isTouched = false
  compactSize = 0
  isCompacting = false

  constructor({ id, file, segments, form, stored }: ResidentOptions) {
    this.id = id
    this.file = file
    this.segments = segments
    this.form = form
    this.format = stored?.format
    this.session = stored?.session
    const formatNow = () => this.#formatNow()
    const placeOf = (message: object) =>
      formatNow() >= sharedFormat ? segments.placeOf(id, message) : undefined
    const options = { placeOf, format: formatNow }
    this.image = stored
      ? SessionImage.of(stored.session, stored.values, options)
      : new SessionImage(options)
  }

  /** The format of the file. A new file gets it with its first record. */
  #formatNow(): number {
    this.format ??= this.form.formatOf(this.segments.isUser(this.id))
    return this.format
  }

  /** The room of the session in memory, in bytes. */
  get weight(): number {
    return this.file.size + this.image.sharedBytes
  }

  /** @throws LoomError `unavailable`; the session in memory must then not be used any more */
  write(buffers: readonly Buffer[], isConfirmed: boolean): void {
    const isNew = this.file.size === 0
    const head: Head = { format: this.#formatNow(), id: this.id }
    this.file.write(isNew ? [...recordBuffers('h', JSON.stringify(head)), ...buffers] : buffers, {
      isConfirmed,
    })
  }

  /** Writes the changes since the last write. Returns false if there are none. @throws as `write` */
  save(session: MemorySession, isConfirmed: boolean): boolean {
    const batch = new RecordBatch()
    this.image.add(session, batch)
    const buffers = batch.take()
    if (buffers !== undefined) this.write(buffers, isConfirmed)
    return buffers !== undefined
  }

  /** Returns whether a log has expired. */
  dropLogs(time: number): boolean {
    const { logs, state, turn } = this.session ?? { logs: new Map<string, never>() }
    const count = logs.size
    for (const [id, { until }] of logs) {
      const isOpen = state !== 'idle' && turn?.logId === id
      if (until !== undefined && until <= time && !isOpen) logs.delete(id)
    }
    return logs.size < count
  }

  /** Whether the session may leave the memory. */
  get isIdle(): boolean {
    const { session, isCompacting, file } = this
    const isSettled = !isCompacting && !file.isBusy && !file.isUnconfirmed
    return session !== undefined && session.state !== 'running' && isSettled
  }

  /** Whether much of the file is out of date, and nothing changes it now. */
  get isOutdated(): boolean {
    return this.file.size > 2 * this.compactSize + outdatedMax && this.session?.state !== 'running'
  }

  /** Whether the file may have the messages of a deleted session, because it could not be rewritten. */
  get hasRemains(): boolean {
    return this.session?.state === 'deleted' && this.file.size > this.compactSize
  }

  /** Rewrites the file. Returns false if the session changed meanwhile. @throws LoomError `unavailable` */
  compact(isCurrent: () => boolean): Promise<boolean> {
    return compact(this, isCurrent)
  }
}
