/**
 * A store in memory that also writes its conversations to files. It writes a conversation when a
 * message is accepted, at every part of a turn that must not be lost, and when the turn ends. A
 * tool runs only after the file contains its call, so a kill of this process loses no work and
 * hides no call.
 */
import type { LogEvent } from '../event.ts'
import { MessageFold, uiMessage } from '../message-fold.ts'
import { closingEvents } from '../session/open-calls.ts'
import { entriesOf } from '../session/turn-world.ts'
import type { Store } from '../store.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import { isTaskId } from '../store/task.ts'
import type { SessionFiles } from './session-files.ts'

/** The result of a call that ran when the command ended. The model and the user read it. */
export const unknownOutcome =
  'The call was interrupted, outcome unknown: the command ended while it ran. It may be done. It was not repeated.'

/**
 * The least time between two writes that contain only new text. A write for each word would cost
 * too much.
 */
const textEveryMs = 1000

const durableTypes = new Set<LogEvent['type']>([
  'tool-input-available',
  'tool-input-error',
  'tool-output-error',
  'tool-output-denied',
  'tool-approval-request',
  'tool-approval-response',
  'finish-step',
])

/**
 * Whether the events are written at once. The commit after the last entry writes it, so the prompt
 * waits for one write and not for two.
 */
function isWrittenAtOnce(events: readonly LogEvent[]): boolean {
  if (events.some(({ type }) => type === 'finish')) return false
  return events.some(
    (event) =>
      durableTypes.has(event.type) ||
      (event.type === 'tool-output-available' && event.preliminary !== true),
  )
}

export interface FileStore extends Store {
  /** Writes the conversation now. @throws LoomError `unavailable` if the file cannot be written */
  write(sessionId: string): Promise<void>
}

export interface FileStoreOptions {
  files: SessionFiles
  /** The folder that the agent works in. */
  directory: string
}

/** A failed write does not end the turn. The `write` after the turn reports the failure. */
export function fileBackedStore(store: Store, place: FileStoreOptions): FileStore {
  let lastWrite: Promise<void> = Promise.resolve()
  const queue = new Map<string, Promise<void>>()
  let lastWriteAt = 0
  const write = (sessionId: string): Promise<void> => {
    // A task is no conversation of the user. The file of its root has the calls that wait for it.
    if (isTaskId(sessionId)) return Promise.resolve()
    const queued = queue.get(sessionId)
    if (queued !== undefined) return queued
    const next = lastWrite.then(() => {
      queue.delete(sessionId)
      return writeSession(store, place, sessionId)
    })
    // A write that has not begun also serves later requests for this session.
    queue.set(sessionId, next)
    // Only one write at a time, because an older state must not replace a newer one.
    lastWrite = next.catch(() => undefined).finally(() => (lastWriteAt = performance.now()))
    return next
  }
  const writeQuietly = (sessionId: string) => write(sessionId).catch(() => undefined)
  return {
    ...store,
    write,
    async post(sessionId, letter, options) {
      const reply = await store.post(sessionId, letter, options)
      await writeQuietly(sessionId)
      return reply
    },
    async append(at, entry) {
      const reply = await store.append(at, entry)
      if (isWrittenAtOnce(entry.events)) await writeQuietly(at.sessionId)
      else if (performance.now() - lastWriteAt > textEveryMs) {
        lastWriteAt = Infinity
        void writeQuietly(at.sessionId)
      }
      return reply
    },
    async finish(at, commit) {
      const reply = await store.finish(at, commit)
      await writeQuietly(at.sessionId)
      return reply
    },
  }
}

async function writeSession(
  store: LogReader & SessionReader,
  { files, directory }: FileStoreOptions,
  sessionId: string,
): Promise<void> {
  const session = await store.session(sessionId)
  if (session === undefined) return
  const { id, agent, createdAt } = session
  const messages = [...(await store.messages(id)), ...(await currentAnswer(store, session))]
  if (messages.length > 0) await files.write({ id, agent, createdAt, messages, directory })
}

/** The running or waiting answer, in the form that it has if this process ends now. */
async function currentAnswer(store: LogReader, { id, state, turn }: SessionRecord) {
  if (state === 'idle' || turn === undefined) return []
  const fold = new MessageFold({ id: turn.logId, role: 'assistant', parts: [] })
  for (const { events } of await entriesOf(store, id, turn.logId)) {
    for (const event of events) fold.add(event)
  }
  const asked = 'Not answered.'
  const called = state === 'waiting' ? asked : unknownOutcome
  const texts = { output: called, decision: asked, execution: unknownOutcome }
  for (const event of closingEvents(fold.message, texts)) fold.add(event)
  for (const part of fold.message.parts) if (part['state'] === 'streaming') part['state'] = 'done'
  // A message with nothing but the start of a step has no content, and is not written.
  const hasContent = fold.message.parts.some(({ type }) => type !== 'step-start')
  return hasContent ? [uiMessage(fold.message)] : []
}
