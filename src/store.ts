/**
 * The port to what must outlive a process: sessions, their mailboxes, histories and logs, and who
 * owns what. An adapter holds no policy of conversations: it moves letters, fences owners and keeps
 * order. Every call that changes something may be made twice with the same `nonce` and then answers
 * the same; an append needs none, its id is one. Every call rejects with LoomError `unavailable`
 * when the store could not be reached in time, and what it asked for may then have happened or not.
 *
 * What is handed in or out is immutable: an adapter may keep it, and give it out, by reference.
 */
import type { UIMessage } from 'ai'

import type { Spending } from './spending.ts'
import type { Letter, QueueOnStop } from './store/letter.ts'
import type { LetterPlace, PostOptions, PostReply } from './store/mailbox.ts'
import type {
  Branch,
  SessionContext,
  SessionPage,
  SessionRecord,
  Summary,
} from './store/session.ts'
import type {
  AppendAt,
  AppendReply,
  Claim,
  Commit,
  FinishReply,
  LogEntry,
  LogPage,
  ReaderFloor,
  TurnAt,
} from './store/turn.ts'

/**
 * What a hint is about. `log` is for readers: entries, a turn that begins or ends, a queue that
 * changed. `intents` is for the owner: a stop, a steered letter, a claim that was taken away.
 */
export type Topic = 'log' | 'intents'

/**
 * The port of the store, which keeps sessions, their queues, histories and logs, and the ownership of turns.
 * `openMemoryStore` and `openRedisStore` return its adapters. A method rejects with LoomError `unavailable` if
 * the store cannot be reached in time.
 * @example
 * ```ts
 * import { openMemoryStore, type Store } from 'loom'
 *
 * const store: Store = openMemoryStore()
 * const history = await store.messages('lesson-1')
 * await store.close()
 * ```
 */
export interface Store {
  /** Accepts a letter, and claims the session where it is free. */
  post(sessionId: string, letter: Letter, options: PostOptions): Promise<PostReply>
  /** Takes a letter out of the mailbox; its id stays known as withdrawn. False when it isn't there. */
  withdraw(
    sessionId: string,
    letterId: string,
    options: { nonce: string; tenant: string },
  ): Promise<boolean>
  /** What waits, in the order in which it will be taken. */
  mailbox(sessionId: string): Promise<Letter[]>
  /** Where a letter is that was posted; undefined when the session does not know it (any more). */
  findLetter(sessionId: string, letterId: string): Promise<LetterPlace | undefined>

  /** Appends one entry under `claim`, directly behind `after`. Gives followers a hint. */
  append(at: AppendAt, entry: LogEntry): Promise<AppendReply>
  /** Gives the letters steered to this turn. Their messages are in the history from then on, and count as part of the turn. */
  takeSteered(at: {
    sessionId: string
    claim: number
    nonce: string
  }): Promise<readonly Letter[] | 'lost'>
  /**
   * Settles the message of a log that a new user message found waiting: into the history before
   * that message (or into the branch, where that message cut it away), and the log to its TTL.
   */
  settleAbandoned(
    at: TurnAt,
    commit: { message: UIMessage; logTtlMs: number; spent?: Spending },
  ): Promise<'done' | 'lost'>
  /**
   * One step: check the claim and that the log ends in `lastId`, commit, give the log its TTL, take the
   * next letter or go idle/waiting. A next letter for none of `agents` (default: all) begins its turn
   * with the owner `handedOver + instance`, for an instance that has its agent.
   */
  finish(
    at: TurnAt & { lastId: string; instance: string; agents?: readonly string[] },
    commit: Commit,
  ): Promise<FinishReply>
  /**
   * Claims a session whose owner is gone: only if `claim` is still its claim, and only if that owner
   * neither appended nor claimed within the last `quietMs` milliseconds (default 0). A hand-over is
   * not held up by that.
   */
  takeOver(
    sessionId: string,
    claim: number,
    options: { nonce: string; instance: string; handOver: boolean; quietMs?: number },
  ): Promise<Claim | undefined>
  /**
   * Puts a summary beside the history, in place of the last one. It goes with the last message that
   * it stands for, when that is cut, discarded or made anew. `gone`: that message is not there.
   */
  saveSummary(
    at: { sessionId: string; claim: number; nonce: string },
    summary: Summary,
  ): Promise<'done' | 'gone' | 'lost'>
  /** Whether the claim is still the session's, and its turn runs. */
  owns(sessionId: string, claim: number): Promise<boolean>
  /**
   * Records that the running turn is to stop, and what becomes of the queue (default `run`). False
   * when no such turn runs (or another one does); `clear` withdraws the queue then, too.
   */
  requestStop(
    sessionId: string,
    options: { logId?: string; nonce: string; tenant: string; queue?: QueueOnStop },
  ): Promise<boolean>
  /**
   * Ends a hold. Where no turn runs, the first letter that waits begins its turn, as in `finish`.
   * `isRunning`: a turn runs now.
   */
  runQueue(
    sessionId: string,
    options: { nonce: string; tenant: string; instance: string; agents?: readonly string[] },
  ): Promise<{ isRunning: boolean; next?: Claim; isLeft?: true }>
  /** Notes, before a reader's first frame, the profile it is served, if it is lower than those so far. */
  noteReader(sessionId: string, logId: string, profile: ReaderFloor): Promise<void>

  session(sessionId: string): Promise<SessionRecord | undefined>
  /** The history in order, without the unfinished answer. */
  messages(sessionId: string): Promise<UIMessage[]>
  /** What a turn loads: the summary, the messages after it, and the context. */
  context(sessionId: string): Promise<SessionContext>
  /** What was cut, oldest first. */
  branches(sessionId: string): Promise<Branch[]>
  /**
   * A copy of the history up to and with `through` (all without it) under a new id; of the history
   * as it was before that cut where `branch` is given. False when there is nothing such to copy, or
   * the new id is taken. The session's context goes along; a summary where all that it stands for does.
   */
  fork(
    sessionId: string,
    options: { newId: string; branch?: number; through?: string; tenant: string; nonce: string },
  ): Promise<boolean>
  /**
   * False when it is not the tenant's. A running turn loses its claim. A post with the same id begins
   * a new session, whose claims are greater than those of the deleted one: its late writers are lost.
   */
  remove(sessionId: string, options: { tenant: string; nonce: string }): Promise<boolean>
  /** The tenant's sessions, the last used first. */
  list(tenant: string, options: { limit: number; before?: number }): Promise<SessionPage>

  /** Entries after `after` (from the start without it), at most `limit`; undefined when the log is gone. */
  readLog(
    sessionId: string,
    logId: string,
    after: string | undefined,
    limit: number,
  ): Promise<LogPage | undefined>
  /** The log that holds, or would hold, the entry `id`; undefined when none does any more. */
  findLog(sessionId: string, id: string): Promise<string | undefined>
  /**
   * Calls `hint` when something may have happened to the session. Some hints are lost, so read, and
   * read again now and then. Returns when the subscription stands: what is read after that misses
   * nothing. A hint must not throw.
   */
  watch(sessionId: string, topic: Topic, hint: () => void): Promise<() => void>

  /** Renews the instance's heartbeat, and puts it into the register. */
  beat(instance: string, ttlMs: number): Promise<void>
  /** Notes the session in the instance's index: before a post, so that someone will look for it. */
  note(instance: string, sessionId: string): Promise<void>
  forget(instance: string, sessionIds: readonly string[]): Promise<void>
  noted(instance: string): Promise<string[]>
  /** Instances that are in the register and whose heartbeat has lapsed. */
  lapsed(): Promise<string[]>
  /** Moves at most `limit` sessions from the index of a lapsed instance to another; returns them. */
  adopt(from: string, to: string, limit: number): Promise<string[]>
  /**
   * Moves a session from an instance's index to those that wait for an instance with this agent, and
   * gives a hint to all instances when it did not wait there yet.
   */
  pass(sessionId: string, options: { from: string; agent: string }): Promise<void>
  /** Moves at most `limit` sessions that wait for this agent to an instance's index; returns them. */
  adoptWaiting(agent: string, to: string, limit: number): Promise<string[]>
  /** A graceful end: out of the register, or lapsed at once where its index still holds sessions. */
  leave(instance: string): Promise<void>
  isAlive(instance: string): Promise<boolean>
  /**
   * Calls `hint` when an instance left sessions behind or passed one on, and when the store was away, so that it may
   * have lost what it acknowledged; as lossy as the hints of `watch`.
   */
  watchInstances(hint: () => void): Promise<() => void>

  /**
   * The same store for callers who cannot wait as long for one that is away: a call is `unavailable`
   * after so many milliseconds, and is not sent any more from then on. Absent where nothing can be away.
   */
  within?(patienceMs: number): Store
  /** Ends every wait and subscription. Calls still under way reject. */
  close(): Promise<void>
}
