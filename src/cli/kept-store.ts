/**
 * A store in memory whose conversations are also in files: each is written when a message is accepted,
 * at every part of a turn that must not be lost, and when the turn ends. A tool runs only when the file
 * has its call, so a kill of this process loses no work and hides no call.
 */
import type { AgentEvent } from '../event.ts'
import { MessageFold, uiMessage } from '../message-fold.ts'
import { closingEvents } from '../session/open-calls.ts'
import { entriesOf } from '../session/turn-world.ts'
import type { Store } from '../store.ts'
import type { LogReader } from '../store/log.ts'
import type { SessionReader, SessionRecord } from '../store/session.ts'
import type { SessionFiles } from './session-files.ts'

/** What model and user read of a call that ran when the command ended. */
export const unknownOutcome =
  'The call was interrupted, outcome unknown: the command ended while it ran. It may have been done; it was not made again.'

/** Text alone is written this often, in milliseconds: a write of the whole file per word is too much. */
const textEveryMs = 1000

const mustBeKept = new Set<AgentEvent['type']>([
  'tool-input-available',
  'tool-input-error',
  'tool-output-error',
  'tool-output-denied',
  'tool-approval-request',
  'tool-approval-response',
  'finish-step',
])

/** The last entry is written by the `finish` right behind it: a prompt need not wait for two writes. */
function isKeptAtOnce(events: readonly AgentEvent[]): boolean {
  if (events.some(({ type }) => type === 'finish')) return false
  return events.some(
    (event) =>
      mustBeKept.has(event.type) ||
      (event.type === 'tool-output-available' && event.preliminary !== true),
  )
}

export interface KeptStore extends Store {
  /** Writes the conversation now. @throws LoomError `unavailable` where nothing can be written */
  keep(sessionId: string): Promise<void>
}

export interface KeptPlace {
  files: SessionFiles
  /** The folder that the agent works in. */
  directory: string
}

/** A failed write does not end the turn; the `keep` behind the turn reports it. */
export function keptStore(store: Store, place: KeptPlace): KeptStore {
  let writing: Promise<void> = Promise.resolve()
  const queued = new Map<string, Promise<void>>()
  let writtenAt = 0
  const keep = (sessionId: string): Promise<void> => {
    const waiting = queued.get(sessionId)
    if (waiting !== undefined) return waiting
    const written = writing.then(() => {
      queued.delete(sessionId)
      return write(store, place, sessionId)
    })
    // Who asks before it begins is served by it, too.
    queued.set(sessionId, written)
    // One at a time: an older state must not replace a newer one.
    writing = written.catch(() => undefined).finally(() => (writtenAt = performance.now()))
    return written
  }
  const keepQuietly = (sessionId: string) => keep(sessionId).catch(() => undefined)
  return {
    ...store,
    keep,
    async post(sessionId, letter, options) {
      const reply = await store.post(sessionId, letter, options)
      await keepQuietly(sessionId)
      return reply
    },
    async append(at, entry) {
      const reply = await store.append(at, entry)
      if (isKeptAtOnce(entry.events)) await keepQuietly(at.sessionId)
      else if (performance.now() - writtenAt > textEveryMs) {
        writtenAt = Infinity
        void keepQuietly(at.sessionId)
      }
      return reply
    },
    async finish(at, commit) {
      const reply = await store.finish(at, commit)
      await keepQuietly(at.sessionId)
      return reply
    },
  }
}

async function write(
  store: LogReader & SessionReader,
  { files, directory }: KeptPlace,
  sessionId: string,
): Promise<void> {
  const session = await store.session(sessionId)
  if (session === undefined) return
  const { id, agent, createdAt } = session
  const messages = [...(await store.messages(id)), ...(await unfinished(store, session))]
  if (messages.length > 0) await files.write({ id, agent, createdAt, messages, directory })
}

/** The answer that is being made or waits, as it is if this process ends now. */
async function unfinished(store: LogReader, { id, state, turn }: SessionRecord) {
  if (state === 'idle' || turn === undefined) return []
  const fold = new MessageFold({ id: turn.logId, role: 'assistant', parts: [] })
  for (const { events } of await entriesOf(store, id, turn.logId)) {
    for (const event of events) fold.add(event)
  }
  const asked = 'Not answered.'
  const called = state === 'waiting' ? asked : unknownOutcome
  const texts = { asked, called, begun: unknownOutcome }
  for (const event of closingEvents(fold.message, texts)) fold.add(event)
  for (const part of fold.message.parts) if (part['state'] === 'streaming') part['state'] = 'done'
  // Of a message that holds no more than the begin of a step there is nothing to keep.
  const isBegun = fold.message.parts.some(({ type }) => type !== 'step-start')
  return isBegun ? [uiMessage(fold.message)] : []
}
