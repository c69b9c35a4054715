/** The limits of what a principal stores: its sessions, and the bytes of their messages and files. */
import { LoomError } from '../ground/error.ts'
import type { SessionReader } from '../store/session.ts'
import type { StorageMeter, StorageOwner } from '../store/storage.ts'

/** The most that one principal may store. */
export interface StorageLimits {
  /** The number of its sessions. Tasks do not count. @defaultValue no limit */
  sessions?: number
  /**
   * The size of the messages of its sessions and tasks, and of their files, in bytes. An answer that runs may exceed it,
   * and the next message is refused. @defaultValue no limit
   */
  bytes?: number
}

/** The time for which a place is kept for a session whose first message is on its way, in milliseconds. */
const leaseMs = 30_000

/** The least time between two counts for one owner by this instance, in milliseconds: a refused client may send again at once. */
const recountEveryMs = 1000

/** The number of owners whose last count is remembered. */
const recountsMax = 1000

export class StorageQuota {
  readonly #store: StorageMeter & Pick<SessionReader, 'session'>
  readonly #limits: StorageLimits
  /** The time of the last count for an owner; see `performance.now`. */
  readonly #recounts = new Map<string, number>()

  constructor(store: StorageMeter & Pick<SessionReader, 'session'>, limits: StorageLimits) {
    this.#store = store
    this.#limits = limits
  }

  /**
   * Checks the limits before something is stored in a session. The owner of the session decides, or the sender if it is about
   * to begin: then a place is reserved for it.
   * @param bytes the size of what is stored
   * @throws LoomError `limited`
   */
  async admit(
    sessionId: string,
    { sender, bytes }: { sender: StorageOwner; bytes: number },
  ): Promise<void> {
    const { sessions: sessionsMax, bytes: bytesMax } = this.#limits
    const session = await this.#store.session(sessionId)
    const owner = session ?? sender
    if (bytesMax !== undefined) {
      const isFree = async () => (await this.#store.storedAmount(owner)).bytes + bytes <= bytesMax
      if (!(await this.#fits(owner, isFree))) throw tooManyBytes(bytesMax)
    }
    if (session === undefined && sessionsMax !== undefined) {
      const reservation = { owner, max: sessionsMax, leaseMs }
      const isFree = () => this.#store.reserveSession(sessionId, reservation)
      if (!(await this.#fits(owner, isFree))) throw tooManySessions(sessionsMax)
    }
  }

  /** A deletion whose instance died may still count. So the sessions are counted again before a refusal. */
  async #fits(owner: StorageOwner, isFree: () => Promise<boolean>): Promise<boolean> {
    if (await isFree()) return true
    const { tenant, subject } = owner
    const key = JSON.stringify([tenant, subject])
    const now = performance.now()
    if (now - (this.#recounts.get(key) ?? -Infinity) < recountEveryMs) return false
    if (this.#recounts.size >= recountsMax) this.#recounts.clear()
    this.#recounts.set(key, now)
    return (await this.#store.recountStorage(owner)) > 0 && isFree()
  }
}

// Waiting frees nothing, so a client must not send the message again by itself: no time, and not `retryable`.

const tooManySessions = (max: number) =>
  new LoomError(
    'limited',
    `You may have ${max} sessions. Delete one that you do not need any more, and send the message again.`,
  )

const tooManyBytes = (max: number) =>
  new LoomError(
    'limited',
    `The messages and files of your sessions may have ${max} bytes. Delete sessions that you do not need any more, and send the message again.`,
  )
