/** Sessions as they are stored: found, listed, copied and deleted, with their messages. */
import type { UIMessage } from 'ai'

import { type FoldedMessage, foldedMessage, MessageFold } from '../message-fold.ts'
import type { Breaker } from '../runner/compaction/breaker.ts'
import type { LogEntry, LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type {
  Branch,
  SessionContext,
  SessionPage,
  SessionReader,
  SessionRecord,
  SessionStore,
} from '../store/session.ts'
import { stateUnknown } from './answering.ts'
import type { Instance } from './instance.ts'
import type { Held } from './posted.ts'
import { storedId } from './tenant-ids.ts'

/** What a copy of a session holds. */
export interface ForkOptions {
  tenant: string
  /** The id of the copy in the store. */
  newId: string
  /** The last message that is copied. @defaultValue the last message */
  through?: string | undefined
  /** The number of a branch, for the history as it was before that cut. */
  branch?: number | undefined
}

/** What the next prompt of a session depends on. */
export interface PromptState {
  stored: SessionContext
  /** The answer that is being made or waits. */
  unfinished: FoldedMessage | undefined
  /** Whether summaries are asked for in this session, as its last turns here found. */
  breaker: Breaker
}

export interface RecordsOptions {
  store: LogReader & SessionReader
  /** The store as requests ask it. */
  requestStore: MailboxStore & LogReader & SessionStore
  instance: Instance
}

export class Records {
  readonly #options: RecordsOptions

  constructor(options: RecordsOptions) {
    this.#options = options
  }

  session(sessionId: string): Promise<SessionRecord | undefined> {
    return this.#options.store.session(sessionId)
  }

  /**
   * @param store the store to read, for a reader that has more patience than a request
   * @throws LoomError `unavailable` where another version of Loom stored it in a state that this one
   * does not know
   */
  async find(
    tenant: string,
    id: string,
    store: SessionReader = this.#options.requestStore,
  ): Promise<SessionRecord | undefined> {
    const session = await stored(store, tenant, id)
    if (session?.state === 'unknown') throw stateUnknown()
    return session
  }

  list(tenant: string, page: { limit: number; before?: number }): Promise<SessionPage> {
    return this.#options.requestStore.list(tenant, page)
  }

  branches(sessionId: string): Promise<Branch[]> {
    return this.#options.requestStore.branches(sessionId)
  }

  fork(sessionId: string, { tenant, newId, through, branch }: ForkOptions): Promise<boolean> {
    return this.#options.requestStore.fork(sessionId, {
      newId,
      tenant,
      ...(through !== undefined && { through }),
      ...(branch !== undefined && { branch }),
    })
  }

  async remove(sessionId: string, tenant: string): Promise<boolean> {
    const { requestStore, instance } = this.#options
    const removed = await requestStore.remove(sessionId, { tenant })
    if (removed) instance.endTurn(sessionId, undefined, 'lost')
    return removed
  }

  messages(sessionId: string): Promise<UIMessage[]> {
    return this.#options.requestStore.messages(sessionId)
  }

  /** As a post reads it. */
  async held(sessionId: string, session: SessionRecord | undefined): Promise<Held> {
    const { requestStore } = this.#options
    const turn = session?.state === 'idle' ? undefined : session?.turn
    const held = {
      history: () => requestStore.messages(sessionId),
      queued: () => requestStore.mailbox(sessionId),
      findLetter: (letterId: string) => requestStore.findLetter(sessionId, letterId),
      waiting: undefined,
      unfinishedLetter: turn?.letterId,
      lastLog: session?.turn?.logId,
    }
    if (session?.state !== 'waiting' || turn === undefined) return held
    return { ...held, waiting: await this.unfinished(sessionId, turn.logId) }
  }

  async promptState({ id, state, turn }: SessionRecord): Promise<PromptState> {
    const { requestStore, instance } = this.#options
    const isOpen = state !== 'idle' && turn !== undefined
    const unfinished = isOpen ? await this.unfinished(id, turn.logId) : undefined
    return {
      stored: await requestStore.context(id),
      unfinished,
      breaker: instance.breakerOf(id),
    }
  }

  async unfinished(sessionId: string, logId: string): Promise<FoldedMessage> {
    const { message } = await folded(this.#options.requestStore, sessionId, logId)
    return message
  }

  async holds(sessionId: string, logId: string): Promise<boolean> {
    return (await this.#options.store.readLog(sessionId, logId, undefined, 1)) !== undefined
  }

  async answered(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    const { store } = this.#options
    const { message, isWhole } = await folded(store, sessionId, logId)
    if (isWhole) return message
    const kept = (await store.messages(sessionId)).find(({ id }) => id === logId)
    return kept === undefined ? undefined : foldedMessage(kept)
  }
}

async function stored(
  store: SessionReader,
  tenant: string,
  id: string,
): Promise<SessionRecord | undefined> {
  const known = storedId(tenant, id)
  const session = await store.session(known)
  if (session !== undefined) return session.tenant === tenant ? session : undefined
  if (known === id) return undefined
  // An earlier version had one space of ids for all tenants.
  const former = await store.session(id)
  return former?.tenant === tenant ? former : undefined
}

/** Reads a log to its end. A log can expire while it is read: then `isWhole` is false. */
async function folded(
  store: LogReader,
  sessionId: string,
  logId: string,
): Promise<{ message: FoldedMessage; isWhole: boolean }> {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  let after: string | undefined
  for (;;) {
    const page = await store.readLog(sessionId, logId, after, 1000)
    if (page === undefined) return { message: fold.message, isWhole: false }
    if (page.entries.length === 0) return { message: fold.message, isWhole: true }
    for (const event of page.entries.flatMap(({ events }: LogEntry) => events)) fold.add(event)
    after = page.entries.at(-1)?.id
  }
}
