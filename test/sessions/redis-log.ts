/** The log of a session's turn in Redis, read without Loom's own code. */
import type { Redis } from 'ioredis'

import { liveKey, logKey } from '../../src/store/redis/keys.ts'

export interface RawEntry {
  claim: number
  /** `<claim>-<seq>` */
  id: string
  /** JSON */
  events: string
}

/** @param logId the log of a turn that is over */
export async function rawLog(client: Redis, chatId: string, logId?: string): Promise<RawEntry[]> {
  const key = logId === undefined ? liveKey(chatId) : logKey(chatId, logId)
  return (await client.xrange(key, '-', '+')).map(([id, [, events = '']]) => ({
    claim: Number(id.split('-', 1)[0]),
    id,
    events,
  }))
}

/** The entry of an owner by its number. The first one is 0. */
export function ofOwner(entries: readonly RawEntry[], owner: number): RawEntry[] {
  const claim = [...new Set(entries.map((entry) => entry.claim))][owner]
  return entries.filter((entry) => entry.claim === claim)
}
