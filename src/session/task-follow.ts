/** Follows a task from its first event to its end, also over takeovers and restarts. */
import { setTimeout as delay } from 'node:timers/promises'

import type { AgentEvent } from '../event.ts'
import { LoomError } from '../ground/error.ts'
import type { FoldedMessage } from '../message-fold.ts'
import type { Sink } from '../sink.ts'
import type { HintSource } from '../store/hint.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { Task, TaskStore } from '../store/task.ts'
import type { FollowEnd } from './tail-reader.ts'
import { endIn, replyIdOf } from './task-letters.ts'
import type { TaskSessions } from './task-sessions.ts'
import type { TaskEnd } from './turn-tasks.ts'

export interface FollowWorld {
  sessions: Pick<TaskSessions, 'partialAnswer' | 'answerOf'>
  store: TaskStore & SessionReader & HintSource
  /** The longest wait for a hint, in milliseconds. */
  pollMs: number
  /** Sends a log of the task to a sink. `after` is the last entry that was read. */
  read: (
    sink: Sink,
    logId: string,
    after: string | undefined,
    signal: AbortSignal,
  ) => Promise<{ end: FollowEnd; after: string | undefined }>
}

interface FollowOptions {
  sink: Sink
  signal: AbortSignal
}

/** @throws LoomError `gone` if the task was deleted, `aborted` if it was stopped before it began; the reason of the signal */
export async function followTask(
  world: FollowWorld,
  task: Task,
  options: FollowOptions,
): Promise<TaskEnd> {
  for (let attempt = 0; ; attempt++) {
    const end = await followAnswer(world, task, replyIdOf(task, attempt), options)
    if (end.state !== 'failed' || attempt >= task.restarts) return end
    // It was stopped before it ran again.
    if (await isEnded(world.store, task)) return end
  }
}

async function followAnswer(
  world: FollowWorld,
  task: Task,
  logId: string,
  { sink, signal }: FollowOptions,
): Promise<TaskEnd> {
  const { sessions, store } = world
  let after: string | undefined
  let last: LastEvents = { isAborted: false, error: undefined }
  const note: Sink = (event) => {
    last = lastEvents(last, event)
    return sink(event)
  }
  const changes = await watchChanges(world, task.id)
  try {
    for (;;) {
      signal.throwIfAborted()
      changes.reset()
      const read = await world.read(note, logId, after, signal)
      after = read.after
      const session = await store.session(task.id)
      const isOpen = session?.turn?.logId === logId && session.state !== 'idle'
      if (isOpen && session.state === 'waiting') {
        return {
          state: (await isEnded(store, task)) ? 'stopped' : 'waiting',
          message: await messageOf(sessions, task, logId),
          error: undefined,
        }
      }
      if (!isOpen && session !== undefined) {
        const message = await sessions.answerOf(task.id, logId)
        if (message !== undefined && hasEnd(message)) return endOf(message, last, session, logId)
        if (session.turn?.logId === logId) return endOf(emptyMessage(logId), last, session, logId)
        if (session.state === 'idle' && (await isEnded(store, task))) {
          return { state: 'failed', message: emptyMessage(logId), error: 'The task has no answer.' }
        }
      }
      if (session === undefined) await checkStillThere(store, task)
      await changes.next(signal)
    }
  } finally {
    changes.end()
  }
}

/** An attempt that failed at once has no parts. */
const hasEnd = ({ parts, metadata }: FoldedMessage) =>
  parts.length > 0 || metadata?.['outcome'] !== undefined

const emptyMessage = (id: string): FoldedMessage => ({ id, role: 'assistant', parts: [] })

const isEnded = async (store: TaskStore, { id }: Task) => (await store.task(id))?.state === 'ended'

async function messageOf(
  sessions: Pick<TaskSessions, 'partialAnswer' | 'answerOf'>,
  task: Task,
  logId: string,
): Promise<FoldedMessage> {
  return sessions.partialAnswer(task.id, logId)
}

/** @throws LoomError if the task will never begin */
async function checkStillThere(store: TaskStore, { id }: Task): Promise<void> {
  const entry = await store.task(id)
  if (entry === undefined) throw new LoomError('gone', 'The task was deleted.')
  if (entry.state === 'ended') {
    throw new LoomError('aborted', 'The task was stopped before it began.')
  }
}

interface LastEvents {
  isAborted: boolean
  error: string | undefined
}

function lastEvents(last: LastEvents, event: AgentEvent): LastEvents {
  switch (event.type) {
    case 'start':
      return { isAborted: false, error: undefined }
    case 'abort':
      return { ...last, isAborted: true }
    case 'error':
      return { ...last, error: event.errorText }
    default:
      return last
  }
}

function endOf(
  message: FoldedMessage,
  { isAborted, error }: LastEvents,
  session: SessionRecord,
  logId: string,
): TaskEnd {
  const stored = session.turn?.logId === logId ? session.error : undefined
  const end = endIn(message)
  if (isAborted || end.state === 'stopped') return { state: 'stopped', message, error: undefined }
  const failure = error ?? stored ?? end.error
  return { state: failure === undefined ? 'finished' : 'failed', message, error: failure }
}

/** Waits for changes of a session. Some hints are lost, so each wait has an end. */
async function watchChanges({ store, pollMs }: FollowWorld, sessionId: string) {
  let hint = Promise.withResolvers<void>()
  const end = await store.watch(sessionId, 'log', () => hint.resolve())
  return {
    reset: () => {
      hint = Promise.withResolvers()
    },
    async next(signal: AbortSignal) {
      // Without its end, the timer of each wait would go on after a hint.
      const end = new AbortController()
      const until = AbortSignal.any([signal, end.signal])
      const late = delay(pollMs, undefined, { signal: until })
      await Promise.race([hint.promise, late]).finally(() => end.abort())
    },
    end,
  }
}
