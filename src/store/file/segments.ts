/**
 * The messages that a session and its forks share. A segment is a folder: the file `messages`, and a file for each session
 * that uses it, named as the file of the session, with the numbers of the messages that the session has. A segment lives
 * as long as the last of its users. So no step needs to change two sessions at once, and a start knows from names alone
 * which segments are left over.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import type { UIMessage } from 'ai'

import { WorkSteps } from '../../ground/long-work.ts'
import { makeFolder } from '../../ground/make-folder.ts'
import { wholeMessage } from '../record/message.ts'
import { codeOf, storeFailure } from './failure.ts'
import { digestOf, draftEnding, pathOfDigest } from './file-names.ts'
import { type MessageForm, messageRecord } from './message-form.ts'
import { pieceBuffers, piecesOf, recordBuffers, recordsIn } from './record.ts'
import { SessionFile, syncFolder } from './session-file.ts'
import { checkFormat, type Head } from './stored.ts'
import type { SyncQueue } from './sync-queue.ts'

/** Returns the numbers in the file of a user; undefined if they are unknown. */
function numbersIn(path: string): ReadonlySet<number> | undefined {
  try {
    return new Set<number>(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

/** The place of a message in a segment. */
export interface Place {
  readonly segment: string
  /** The message is the n-th one of the segment. */
  readonly number: number
  readonly bytes: number
}

export interface SegmentsOptions {
  /** The folder of the segments. */
  folder: string
  /** The folder of the files of the sessions. */
  sessions: string
  syncs: SyncQueue
  form: MessageForm
  report: (error: unknown) => void
}

/** Returns a message of a segment. */
export type ReadShared = (segment: string, number: number) => Promise<UIMessage>

/** The messages of segments that a session has: their numbers, by the names of the segments. */
export type Uses = ReadonlyMap<string, ReadonlySet<number>>

export function noteUse(uses: Map<string, Set<number>>, segment: string, number: number): void {
  uses.set(segment, (uses.get(segment) ?? new Set()).add(number))
}

const messagesName = 'messages'

export class Segments {
  readonly #options: SegmentsOptions
  /** The segments that a session uses, by the digest of the session. */
  readonly #used = new Map<string, Set<string>>()
  /** The digests of the sessions that use a segment. */
  readonly #users = new Map<string, Set<string>>()
  readonly #trims = new Map<string, Promise<void>>()
  readonly #places = new WeakMap<object, Place>()
  /** The messages of a segment that are in memory. Sessions that share a message have one object. */
  readonly #inMemory = new Map<string, (WeakRef<UIMessage> | undefined)[]>()

  constructor(options: SegmentsOptions) {
    this.#options = options
  }

  /** Reads the names, and removes what an interrupted step has left. */
  async open(): Promise<void> {
    const { folder, sessions } = this.#options
    const names = await readdir(folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
    for (const name of names) {
      const digests = (await readdir(join(folder, name))).filter((each) => each !== messagesName)
      for (const digest of digests) {
        if (existsSync(pathOfDigest(sessions, digest))) this.#note(digest, name)
        else rmSync(join(folder, name, digest), { force: true })
      }
      if (!this.#users.has(name)) await rm(join(folder, name), { recursive: true, force: true })
    }
  }

  /** Whether the session uses any segment. Its file then has a form that earlier versions of Loom cannot read. */
  isUser(id: string): boolean {
    return this.#used.has(digestOf(id))
  }

  /** Returns the place of a message, if the session may refer to it. */
  placeOf(id: string, message: object): Place | undefined {
    const place = this.#places.get(message)
    const isUsed = place !== undefined && this.#used.get(digestOf(id))?.has(place.segment) === true
    return isUsed ? place : undefined
  }

  /** Reads the messages of a segment; undefined for one that no session has any more. @throws LoomError `unavailable` */
  async read(name: string): Promise<readonly (UIMessage | undefined)[]> {
    const held = this.#inMemory.get(name)
    const before = held?.map((each) => each?.deref()) ?? []
    if (held?.every((each, number) => each === undefined || before[number] !== undefined) === true)
      return before
    const path = join(this.#options.folder, name, messagesName)
    const bytes = await readFile(path).catch((error: unknown) => {
      throw storeFailure(error, 'read')
    })
    const steps = new WorkSteps()
    const messages: (UIMessage | undefined)[] = []
    for (const { kind, json } of recordsIn(bytes)) {
      if (kind === 'h') checkFormat(path, JSON.parse(json), 'unavailable')
      else if (kind === 'x') messages.push(undefined)
      else {
        const message: UIMessage = before[messages.length] ?? wholeMessage(JSON.parse(json))
        const place = { segment: name, number: messages.length, bytes: Buffer.byteLength(json) }
        this.#places.set(message, place)
        messages.push(message)
        await steps.next(json.length)
      }
    }
    this.#keepInMemory(name, messages)
    return messages
  }

  /** Returns a reader for the file of one session. It reads each segment once. */
  reader(): ReadShared {
    const segments = new Map<string, ReturnType<Segments['read']>>()
    return async (segment, number) => {
      const read = segments.get(segment) ?? this.read(segment)
      segments.set(segment, read)
      const message = (await read)[number]
      if (message !== undefined) return message
      throw storeFailure(new Error(`the segment ${segment} has no message ${number}`), 'read')
    }
  }

  /** Makes a segment of messages. Its sessions use it. @throws LoomError `unavailable`, and nothing is left then */
  async create(messages: readonly UIMessage[], ids: readonly string[]): Promise<void> {
    const { folder, syncs, form } = this.#options
    const name = randomBytes(8).toString('hex')
    const path = join(folder, name)
    const file = new SessionFile({ path: join(path, messagesName), size: 0, syncs })
    const places: Place[] = []
    try {
      await makeFolder(path)
      const format = form.formatOf(true)
      const head: Head = { format, id: name }
      file.write(recordBuffers('h', JSON.stringify(head)), { isConfirmed: false })
      for (const [number, message] of messages.entries()) {
        const { kind, value } = messageRecord(message, format)
        const buffers = pieceBuffers(await piecesOf(kind, value))
        file.write(buffers, { isConfirmed: false })
        const bytes = buffers.reduce((sum, { length }) => sum + length, 0)
        places.push({ segment: name, number, bytes })
      }
      await file.sync()
      const all = new Set(messages.keys())
      for (const id of ids) this.#writeUser(name, digestOf(id), all)
      await syncFolder(path)
      await syncFolder(folder)
    } catch (error) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined)
      throw storeFailure(error)
    } finally {
      await file.close()
    }
    for (const id of ids) this.#note(digestOf(id), name)
    for (const place of places) this.#places.set(messages[place.number] ?? {}, place)
    this.#keepInMemory(name, messages)
  }

  /** Makes a new session a user of segments. @throws LoomError `unavailable` */
  async use(id: string, uses: Uses): Promise<void> {
    const digest = digestOf(id)
    try {
      // In one step, so that nothing can be removed meanwhile.
      for (const [name, numbers] of uses) {
        this.#writeUser(name, digest, numbers)
        this.#note(digest, name)
      }
      for (const name of uses.keys()) await syncFolder(join(this.#options.folder, name))
    } catch (error) {
      throw storeFailure(error)
    }
  }

  /**
   * Makes the session a user of these messages and of no others. A segment without users is removed, and messages that no
   * user has are removed from the others.
   * @throws LoomError `unavailable`
   */
  keepOnly(id: string, uses: Uses): void {
    const digest = digestOf(id)
    const used = [...(this.#used.get(digest) ?? [])]
    try {
      for (const [name, numbers] of uses) {
        const before = numbersIn(join(this.#options.folder, name, digest))
        if (before?.size === numbers.size) continue
        this.#writeUser(name, digest, numbers)
        this.#note(digest, name)
        this.#trimLater(name)
      }
      for (const name of used.filter((each) => !uses.has(each))) this.#leave(digest, name)
    } catch (error) {
      throw storeFailure(error)
    }
  }

  /** Waits for the work in progress. */
  async close(): Promise<void> {
    await Promise.all(this.#trims.values())
  }

  #keepInMemory(name: string, messages: readonly (UIMessage | undefined)[]): void {
    this.#inMemory.set(
      name,
      messages.map((message) => message && new WeakRef(message)),
    )
  }

  #writeUser(name: string, digest: string, numbers: ReadonlySet<number>): void {
    const path = join(this.#options.folder, name, digest)
    // The numbers of a cut file count as all numbers.
    writeFileSync(path, JSON.stringify([...numbers]), { mode: 0o600 })
  }

  #note(digest: string, name: string): void {
    this.#used.set(digest, (this.#used.get(digest) ?? new Set()).add(name))
    this.#users.set(name, (this.#users.get(name) ?? new Set()).add(digest))
  }

  #leave(digest: string, name: string): void {
    const used = this.#used.get(digest)
    used?.delete(name)
    if (used?.size === 0) this.#used.delete(digest)
    const users = this.#users.get(name)
    users?.delete(digest)
    const path = join(this.#options.folder, name)
    if (users !== undefined && users.size > 0) {
      rmSync(join(path, digest), { force: true })
      this.#trimLater(name)
      return
    }
    this.#users.delete(name)
    this.#inMemory.delete(name)
    rmSync(path, { recursive: true, force: true })
  }

  /** Removes the messages that no session has any more. */
  #trimLater(name: string): void {
    const before = this.#trims.get(name) ?? Promise.resolve()
    const trim = before
      .then(() => this.#trim(name))
      .catch(this.#options.report)
      .finally(() => {
        if (this.#trims.get(name) === trim) this.#trims.delete(name)
      })
    this.#trims.set(name, trim)
  }

  async #trim(name: string): Promise<void> {
    const { folder, syncs } = this.#options
    const path = join(folder, name, messagesName)
    const users = [...(this.#users.get(name) ?? [])]
    const numbers = users.map((digest) => numbersIn(join(folder, name, digest)))
    const isNeeded = (number: number) => numbers.some((each) => each?.has(number) !== false)
    const messages = users.length === 0 ? [] : await this.read(name)
    const gone = [...messages.keys()].filter(
      (number) => messages[number] !== undefined && !isNeeded(number),
    )
    if (gone.length === 0) return
    const draft = new SessionFile({ path: path + draftEnding, size: 0, syncs })
    try {
      const bytes = await readFile(path)
      let [number, start] = [-1, 0]
      for (const { end } of recordsIn(bytes)) {
        // The head is before the first message.
        const record = gone.includes(number) ? recordBuffers('x', '') : [bytes.subarray(start, end)]
        draft.write(record, { isConfirmed: false })
        number += 1
        start = end
      }
      await draft.sync()
      // A session may have become a user meanwhile. It has messages of another user only, so none of these is needed.
      if (this.#users.has(name)) await rename(draft.path, path)
    } finally {
      await draft.close()
      await rm(draft.path, { force: true })
    }
    for (const each of gone) this.#places.delete(messages[each] ?? {})
  }
}
