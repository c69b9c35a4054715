/** The records of sessions in the store: search, list, fork and deletion, and their messages. */
import type { UIMessage } from 'ai'

import { type FoldedMessage, foldedMessage, MessageFold } from '../message-fold.ts'
import type { Breaker } from '../runner/compaction/breaker.ts'
import type { LogEntry, LogReader } from '../store/log.ts'
import type { MailboxStore } from '../store/mailbox.ts'
import type { Member } from '../store/member.ts'
import type {
  Branch,
  HistoryPart,
  MessagePage,
  SessionContext,
  SessionPage,
  SessionReader,
  SessionRecord,
  SessionStore,
} from '../store/session.ts'
import { readsFiles, type StoredFile } from '../store/stored-file.ts'
import type { Instance } from './instance.ts'
import { unknownState } from './receipt.ts'
import type { SessionView } from './session-view.ts'
import { storedId } from './tenant-ids.ts'

/** The content of a copy of a session. */
export interface ForkOptions {
  /** The tenant to whom both sessions belong; '' without authentication. */
  tenant: string
  /** The id of the copy in the store. */
  newId: string
  /** The id of the last copied message. @defaultValue the last message */
  through?: string | undefined
  /** The number of a branch. The copy then has the history before that cut. @defaultValue none: the present history */
  branch?: number | undefined
  /** The subject to whom the copy belongs. @defaultValue the whole tenant */
  subject?: string | undefined
  /** The agent of the copy. @defaultValue that of the session */
  agent?: string | undefined
}

/** The state that decides the next prompt of a session. */
export interface PromptState {
  /** The summary, the messages after it, and the context. */
  sessionContext: SessionContext
  /** The answer of the turn that runs or waits. */
  partialAnswer: FoldedMessage | undefined
  /**
   * Stops summaries of this session for a time after several failures. It counts the failures of the
   * session's turns on this instance.
   */
  breaker: Breaker
}

export interface RecordsOptions {
  store: LogReader & SessionReader
  /**
   * The same store with the time limit of a request: a call waits only this long for an unreachable
   * store.
   */
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
   * @param store the store to read. A reader that may wait longer than a request passes its own.
   * @throws LoomError `unavailable` if another version of Loom stored a state that this version does not
   * support
   */
  async find(
    tenant: string,
    id: string,
    store: SessionReader = this.#options.requestStore,
  ): Promise<SessionRecord | undefined> {
    const session = await sessionOf(store, tenant, id)
    if (session?.state === 'unknown') throw unknownState()
    return session
  }

  list(
    tenant: string,
    page: { limit: number; before?: number; subject?: string },
  ): Promise<SessionPage> {
    return this.#options.requestStore.list(tenant, page)
  }

  async file(sessionId: string, hash: string): Promise<StoredFile | undefined> {
    const { requestStore } = this.#options
    return readsFiles(requestStore) ? requestStore.file(sessionId, hash) : undefined
  }

  async fileHashes(sessionId: string): Promise<string[] | undefined> {
    const { requestStore } = this.#options
    return readsFiles(requestStore) ? requestStore.fileHashes(sessionId) : undefined
  }

  branches(sessionId: string): Promise<Branch[]> {
    return this.#options.requestStore.branches(sessionId)
  }

  fork(
    sessionId: string,
    { tenant, newId, through, branch, subject, agent }: ForkOptions,
  ): Promise<boolean> {
    return this.#options.requestStore.fork(sessionId, {
      newId,
      tenant,
      ...(through !== undefined && { through }),
      ...(branch !== undefined && { branch }),
      ...(subject !== undefined && { subject }),
      ...(agent !== undefined && { agent }),
    })
  }

  setMembers(sessionId: string, tenant: string, members: readonly Member[]): Promise<boolean> {
    return this.#options.requestStore.setMembers(sessionId, members, { tenant })
  }

  async remove(sessionId: string, tenant: string, unusedSince?: number): Promise<boolean> {
    const { requestStore, instance } = this.#options
    const only = unusedSince !== undefined && { unusedSince }
    const removed = await requestStore.remove(sessionId, { tenant, ...only })
    if (removed) instance.endTurn(sessionId, undefined, 'lost')
    return removed
  }

  messages(sessionId: string): Promise<UIMessage[]> {
    return this.#options.requestStore.messages(sessionId)
  }

  messagePage(sessionId: string, part: HistoryPart): Promise<MessagePage | undefined> {
    return this.#options.requestStore.messagePage(sessionId, part)
  }

  /** The state of the session for a post. */
  async viewOf(sessionId: string, session: SessionRecord | undefined): Promise<SessionView> {
    const { requestStore } = this.#options
    const turn = session?.state === 'idle' ? undefined : session?.turn
    const view = {
      isNew: session === undefined,
      history: () => requestStore.messages(sessionId),
      queue: () => requestStore.mailbox(sessionId),
      findLetter: (letterId: string) => requestStore.findLetter(sessionId, letterId),
      pendingMessage: undefined,
      turnLetterId: turn?.letterId,
      lastLogId: session?.turn?.logId,
    }
    if (session?.state !== 'waiting' || turn === undefined) return view
    return { ...view, pendingMessage: await this.partialAnswer(sessionId, turn.logId) }
  }

  async promptState({ id, state, turn }: SessionRecord): Promise<PromptState> {
    const { requestStore, instance } = this.#options
    const isOpen = state !== 'idle' && turn !== undefined
    const partialAnswer = isOpen ? await this.partialAnswer(id, turn.logId) : undefined
    return {
      sessionContext: await requestStore.context(id),
      partialAnswer,
      breaker: instance.breakerOf(id),
    }
  }

  async partialAnswer(sessionId: string, logId: string): Promise<FoldedMessage> {
    const { message } = await foldLog(this.#options.requestStore, sessionId, logId)
    return message
  }

  async hasLog(sessionId: string, logId: string): Promise<boolean> {
    return (await this.#options.store.readLog(sessionId, logId, undefined, 1)) !== undefined
  }

  async answerOf(sessionId: string, logId: string): Promise<FoldedMessage | undefined> {
    const { store } = this.#options
    const { message, isWhole } = await foldLog(store, sessionId, logId)
    if (isWhole) return message
    const entry = (await store.messages(sessionId)).find(({ id }) => id === logId)
    return entry === undefined ? undefined : foldedMessage(entry)
  }
}

async function sessionOf(
  store: SessionReader,
  tenant: string,
  id: string,
): Promise<SessionRecord | undefined> {
  const sessionId = storedId(tenant, id)
  const session = await store.session(sessionId)
  if (session !== undefined) return session.tenant === tenant ? session : undefined
  if (sessionId === id) return undefined
  // An earlier version had one space of ids for all tenants.
  const former = await store.session(id)
  return former?.tenant === tenant ? former : undefined
}

/** Reads a log to its end. `isWhole` is false if the log expired before that. */
async function foldLog(
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
