/**
 * The calls of the port. Each one runs on the session in memory, and its change is written in the same
 * step, so that the changes of two calls never mix. If a client gets a confirmation of a call, the call waits
 * until the disk has the change.
 */
import type { UIMessage } from 'ai'

import { isLarge } from '../../event-weight.ts'
import type { LogEvent } from '../../event.ts'
import { isOnePiece } from '../../ground/json/pieces.ts'
import type { Store } from '../../store.ts'
import type { AuditStore } from '../audit.ts'
import type { ErasureStore } from '../erasure.ts'
import type { StatusStore } from '../instance-status.ts'
import type { AppendAt, AppendReply, LogEntry } from '../log.ts'
import type { RetentionIndex } from '../retention.ts'
import type { DueIndex } from '../schedule.ts'
import type { SessionRecord } from '../session.ts'
import type { StorageMeter } from '../storage.ts'
import { isTaskId, rootOf } from '../task.ts'
import type { HeldHints } from './held-hints.ts'
import type { SessionImage } from './image.ts'
import { piecesOf, pieceBuffers, recordBuffers } from './record.ts'
import type { Residents } from './residents.ts'

type SessionCalls = Omit<
  Store,
  | 'close'
  | 'within'
  | 'watch'
  | 'list'
  | 'beat'
  | 'isAlive'
  | 'lapsed'
  | 'leave'
  | 'watchInstances'
  | 'note'
  | 'forget'
  | 'noted'
  | 'adopt'
  | 'pass'
  | 'adoptWaiting'
  | keyof DueIndex
  | keyof ErasureStore
  | keyof StatusStore
  | keyof AuditStore
  | Exclude<keyof StorageMeter, 'noteFileBytes'>
  | keyof RetentionIndex
>

interface World {
  residents: Residents
  hints: HeldHints
  memory: SessionCalls
  /** The sessions whose owner was another process, which has ended. */
  orphans: Set<string>
}

/** After these events the instance runs a tool. A power cut must not hide that it ran. */
const durableTypes = new Set<LogEvent['type']>([
  'tool-input-available',
  'tool-approval-response',
  'tool-step',
])

export function fileCalls({ residents, hints, memory, orphans }: World): SessionCalls {
  /** Runs a call in the step in which the session is in memory. */
  async function ready<VALUE>(ids: readonly string[], call: () => VALUE): Promise<Awaited<VALUE>> {
    const end = ids.length > 1 ? residents.pin(ids) : undefined
    try {
      for (;;) {
        const missing = ids.find((id) => !residents.isReady(id))
        if (missing === undefined) return await call()
        await residents.load(missing)
      }
    } finally {
      end?.()
    }
  }

  /** The sessions that decide whether a session may begin: the root of a task. */
  const rootsOf = (id: string) => (isTaskId(id) ? [rootOf(id)] : [])

  const read = <VALUE>(id: string, call: () => Promise<VALUE>) => ready([id], call)

  /** @param isConfirmed false for a change that a power cut may lose */
  async function change<VALUE>(
    id: string,
    call: () => Promise<VALUE>,
    { isConfirmed = true, others = [] }: { isConfirmed?: boolean; others?: string[] } = {},
  ): Promise<VALUE> {
    const reply = await ready([id, ...others], () =>
      hints.after(() => {
        const reply = call()
        residents.save(id, isConfirmed)
        return reply
      }),
    )
    if (isConfirmed) await residents.confirmed(id)
    return reply
  }

  /** Writes large values ahead. Small ones cost little in the change itself. */
  const stage = (id: string, work: Parameters<Residents['stage']>[1], isLarge: boolean) =>
    isLarge ? ready([id], () => residents.stage(id, work)) : undefined

  const stageAll = (id: string, messages: readonly UIMessage[]) =>
    stage(
      id,
      (image: SessionImage, write) => image.stage(messages, { write }),
      messages.some((value) => !isOnePiece(value)),
    )

  function append(at: AppendAt, entry: LogEntry, buffers?: readonly Buffer[]) {
    let isAppended = false
    const reply = hints.after(() => {
      const session = residents.get(at.sessionId)
      const before = session?.turn?.lastId
      const reply = memory.append(at, entry)
      isAppended = session?.turn !== undefined && session.turn.lastId !== before
      if (session?.turn !== undefined && isAppended) {
        const record = buffers ?? recordBuffers('e', JSON.stringify(entry))
        residents.append(session, session.turn.logId, record)
      }
      return reply
    })
    return isAppended && entry.events.some(({ type }) => durableTypes.has(type))
      ? residents.synced(at.sessionId).then(() => reply)
      : reply
  }

  async function appendLater(at: AppendAt, entry: LogEntry): Promise<AppendReply> {
    const buffers = entry.events.some(isLarge)
      ? pieceBuffers(await piecesOf('e', entry))
      : undefined
    return ready([at.sessionId], () => append(at, entry, buffers))
  }

  return {
    async append(at, entry) {
      if (!residents.isReady(at.sessionId) || entry.events.some(isLarge)) {
        return appendLater(at, entry)
      }
      return append(at, entry)
    },

    async post(id, letter, options) {
      const { seed = [] } = options
      await stageAll(id, seed)
      await stage(id, (image, write) => image.stageLetter(letter, { write }), !isOnePiece(letter))
      return change(id, () => memory.post(id, letter, options), { others: rootsOf(id) })
    },

    withdraw: (id, letterId, options) => change(id, () => memory.withdraw(id, letterId, options)),
    runQueue: (id, options) => change(id, () => memory.runQueue(id, options)),
    requestStop: (id, options) => change(id, () => memory.requestStop(id, options)),
    takeSteered: (at) => change(at.sessionId, () => memory.takeSteered(at)),

    async finish(at, commit) {
      if (commit.message !== undefined) await stageAll(at.sessionId, [commit.message])
      const others = rootsOf(at.sessionId)
      return change(at.sessionId, () => memory.finish(at, commit), { others })
    },

    async settleAbandoned(at, commit) {
      await stageAll(at.sessionId, [commit.message])
      const others = rootsOf(at.sessionId)
      return change(at.sessionId, () => memory.settleAbandoned(at, commit), { others })
    },

    takeOver: (id, claim, options) =>
      change(
        id,
        async () => {
          // The owner is known to be dead, so nothing shows that it might be alive. This takeover counts.
          const isOrphan = options.handOver && orphans.has(id)
          const how = isOrphan ? { ...options, handOver: false, quietMs: 0 } : options
          const claimed = memory.takeOver(id, claim, how)
          orphans.delete(id)
          return claimed
        },
        { isConfirmed: false },
      ),

    // The next turn can make the summary again.
    saveSummary: (at, summary) =>
      change(at.sessionId, () => memory.saveSummary(at, summary), { isConfirmed: false }),
    noteReader: (id, logId, profile) =>
      change(id, () => memory.noteReader(id, logId, profile), { isConfirmed: false }),

    async fork(id, options) {
      const { newId } = options
      try {
        const messages = await ready([id, newId], () => residents.prepareFork(id, options))
        // A fork that fails deletes those that were written.
        await ready([newId], () =>
          residents.get(newId) === undefined
            ? residents.stage(newId, (image, write) => image.stage(messages, { write, all: true }))
            : undefined,
        )
        return await change(newId, () => memory.fork(id, options), { others: [id] })
      } finally {
        residents.endFork(id, newId)
      }
    },

    noteFileBytes: (id, bytes) => change(id, () => memory.noteFileBytes(id, bytes)),
    setMembers: (id, members, options) => change(id, () => memory.setMembers(id, members, options)),

    async remove(id, options) {
      const isRemoved = await change(id, () => memory.remove(id, options))
      // The messages must not stay on the disk.
      if (isRemoved) await Promise.all([residents.compact(id), residents.removeCopies([id])])
      return isRemoved
    },

    async addSchedule(id, schedule, options) {
      const { letter } = schedule
      await stage(id, (image, write) => image.stageLetter(letter, { write }), !isOnePiece(letter))
      const others = rootsOf(id)
      return change(id, () => memory.addSchedule(id, schedule, options), { others })
    },
    advanceSchedule: (id, at, next) => change(id, () => memory.advanceSchedule(id, at, next)),
    removeSchedule: (id, schedule, options) =>
      change(id, () => memory.removeSchedule(id, schedule, options)),

    async addTask(task, limits) {
      const { letter } = task
      const rootId = rootOf(task.id)
      const isLarge = !isOnePiece(letter)
      await stage(rootId, (image, write) => image.stageLetter(letter, { write }), isLarge)
      return change(rootId, () => memory.addTask(task, limits))
    },
    endTask: (id, limits) => change(rootOf(id), () => memory.endTask(id, limits)),
    parkTask: (id, limits) => change(rootOf(id), () => memory.parkTask(id, limits)),
    // A task that runs again notes it again.
    noteSpending: (at, spent) =>
      change(at.sessionId, () => memory.noteSpending(at, spent), {
        isConfirmed: false,
        others: rootsOf(at.sessionId),
      }),
    spentBeside: (id) => ready([id, ...rootsOf(id)], () => memory.spentBeside(id)),
    removeTask: (id) => change(rootOf(id), () => memory.removeTask(id)),
    forgetTasks: (rootId, ids) => change(rootId, () => memory.forgetTasks(rootId, ids)),
    task: (id) => read(rootOf(id), () => memory.task(id)),
    tasks: (rootId) => read(rootId, () => memory.tasks(rootId)),
    unfinishedTasks: (rootId) => read(rootId, () => memory.unfinishedTasks(rootId)),
    removedTasks: (rootId) => read(rootId, () => memory.removedTasks(rootId)),

    schedules: (id) => read(id, () => memory.schedules(id)),
    owns: (id, claim) => read(id, () => memory.owns(id, claim)),
    session: (id) => read(id, () => memory.session(id)),
    isDeleted: (id) => read(id, () => memory.isDeleted(id)),
    async sessions(ids) {
      const records: (SessionRecord | undefined)[] = []
      for (const id of ids) records.push(await read(id, () => memory.session(id)))
      return records
    },
    messages: (id) => read(id, () => memory.messages(id)),
    messagePage: (id, part) => read(id, () => memory.messagePage(id, part)),
    context: (id) => read(id, () => memory.context(id)),
    branches: (id) => read(id, () => memory.branches(id)),
    mailbox: (id) => read(id, () => memory.mailbox(id)),
    findLetter: (id, letterId) => read(id, () => memory.findLetter(id, letterId)),
    readLog: (id, logId, after, limit) => read(id, () => memory.readLog(id, logId, after, limit)),
    findLog: (id, entryId) => read(id, () => memory.findLog(id, entryId)),
  }
}
