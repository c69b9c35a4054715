import type { SessionRecord } from '../session.ts'
/** What each owner stores, in the process of the store: sums that follow every change of a session. */
import type { StorageMeter, StorageOwner, StoredAmount } from '../storage.ts'
import { isTaskId } from '../task.ts'

interface Entry {
  owner: string
  bytes: number
}

/** The sums of the sessions of a table. */
export class StorageSums {
  readonly #entries = new Map<string, Entry>()
  readonly #sums = new Map<string, StoredAmount>()

  /** Counts a session as it is now. Undefined for one that is gone. */
  note(id: string, record: Pick<SessionRecord, 'tenant' | 'subject' | 'bytes'> | undefined): void {
    const before = this.#entries.get(id)
    if (before !== undefined) this.#add(id, before, -1)
    this.#entries.delete(id)
    if (record === undefined) return
    const entry = { owner: ownerText(record), bytes: record.bytes ?? 0 }
    this.#entries.set(id, entry)
    this.#add(id, entry, 1)
  }

  of(owner: StorageOwner): StoredAmount {
    return { sessions: 0, bytes: 0, ...this.#sums.get(ownerText(owner)) }
  }

  has(id: string, owner: StorageOwner): boolean {
    return this.#entries.get(id)?.owner === ownerText(owner)
  }

  #add(id: string, { owner, bytes }: Entry, sign: 1 | -1): void {
    const sum = this.#sums.get(owner) ?? { sessions: 0, bytes: 0 }
    sum.bytes += sign * bytes
    if (!isTaskId(id)) sum.sessions += sign
    if (sum.sessions === 0 && sum.bytes === 0) this.#sums.delete(owner)
    else this.#sums.set(owner, sum)
  }
}

const ownerText = ({ tenant, subject }: StorageOwner) => JSON.stringify([tenant, subject])

/** @param sums those of the table of the sessions. They follow every change, so there is nothing to count again */
export function storageMeter(
  sums: StorageSums,
  now: () => number,
): Omit<StorageMeter, 'noteFileBytes'> {
  /** The ends of the reservations of each owner, by session. */
  const reserved = new Map<string, Map<string, number>>()

  /** The sessions of an owner that are about to begin. */
  const pending = (owner: StorageOwner): Map<string, number> => {
    const own = reserved.get(ownerText(owner)) ?? new Map<string, number>()
    for (const [id, until] of own) if (until <= now() || sums.has(id, owner)) own.delete(id)
    if (own.size === 0) reserved.delete(ownerText(owner))
    return own
  }

  return {
    async storedAmount(owner) {
      const amount = sums.of(owner)
      return { ...amount, sessions: amount.sessions + pending(owner).size }
    },
    async reserveSession(sessionId, { owner, max, leaseMs }) {
      const own = pending(owner)
      if (own.has(sessionId) || sums.has(sessionId, owner)) return true
      if (sums.of(owner).sessions + own.size >= max) return false
      reserved.set(ownerText(owner), own.set(sessionId, now() + leaseMs))
      return true
    },
    async recountStorage() {
      return 0
    },
  }
}
