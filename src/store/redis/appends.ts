/**
 * The per-token path. The appends of all sessions in one turn of the event loop are sent together. Most of
 * the cost of an append is the cost of a command in the client, so on one server many appends share a
 * command. In a cluster, all keys of a command must belong to one session.
 */
import { isLarge } from '../../event-weight.ts'
import { storedJson } from '../../ground/json/pieces.ts'
import type { AppendAt, AppendReply, LogEntry } from '../log.ts'
import { together } from './client.ts'
import type { Connection } from './connection.ts'
import { liveKey, sessionKey } from './keys.ts'
import { verdictOf } from './verdict.ts'

/** The maximum number of appends in one command (about 10 µs each), so that no other client waits long. */
const appendsMax = 64

interface Batch {
  keys: string[]
  args: (string | Buffer)[]
  settle: { resolve: (reply: AppendReply) => void; reject: (error: unknown) => void }[]
}

export function createAppends(
  connection: Connection,
  { shared }: { shared: boolean },
): (at: AppendAt, entry: LogEntry) => Promise<AppendReply> {
  const batchMax = shared ? appendsMax : 1
  let batches: Batch[] = []

  return (at, entry) =>
    entry.events.some(isLarge)
      ? storedJson(entry.events).then((events) => append(at, entry.id, events))
      : append(at, entry.id, JSON.stringify(entry.events))

  function append(at: AppendAt, id: string, events: string | Buffer): Promise<AppendReply> {
    if (batches.length === 0) setImmediate(flush)
    let batch = batches.at(-1)
    if (batch === undefined || batch.settle.length >= batchMax) {
      batch = { keys: [], args: [], settle: [] }
      batches.push(batch)
    }
    batch.keys.push(sessionKey(at.sessionId), liveKey(at.sessionId))
    batch.args.push(String(at.claim), at.after, id, events)
    const { settle } = batch
    return new Promise((resolve, reject) => {
      settle.push({ resolve, reject })
    })
  }

  function flush(): void {
    const ready = batches
    batches = []
    together(connection.clients.commands, () => {
      for (const batch of ready) void send(batch)
    })
  }

  async function send({ keys, args, settle }: Batch): Promise<void> {
    try {
      const verdicts = await connection.runMany('append', keys, args)
      settle.forEach(({ resolve }, index) => resolve(verdictOf(verdicts[index])))
    } catch (error) {
      for (const { reject } of settle) reject(error)
    }
  }
}
