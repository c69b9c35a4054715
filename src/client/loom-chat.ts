/** A conversation on a Loom server, for a page. */
import type { ScheduleInfo, ScheduleTime } from '../schedule.ts'
import type { SessionInfo } from '../session/session-info.ts'
import type { StopReply } from '../session/session-stop.ts'
import type { TaskInfo } from '../task.ts'
import { attach, type AttachOptions, type ChatPage } from './attach.ts'
import type { Key } from './authorized-fetch.ts'
import { isAnswered, type SentMessage } from './automatic-send.ts'
import { LoomClientError } from './error.ts'
import { historyPart, type HistoryPart, wholeHistory } from './history.ts'
import { Requests } from './requests.ts'
import type { ResumableFetchOptions } from './resumable-fetch.ts'
import type { SeenAnswers } from './seen-answers.ts'
import { ChatTransport, type LoomTransport } from './transport.ts'
import { watch, type WatchOptions } from './watch.ts'

/**
 * The options of `loomChat`.
 * @example
 * ```ts
 * import type { LoomChatOptions } from 'loomkit/client'
 *
 * const token = async () => (await fetch('/loom-token')).text()
 * const options: LoomChatOptions = { api: '/api/chat', id: 'lesson-1', profile: 'v7', key: token }
 * ```
 */
export interface LoomChatOptions extends ResumableFetchOptions {
  /** The address of the chat routes, such as `/api/chat`. */
  api: string
  /** The id of the conversation. A page makes a new one with `crypto.randomUUID()`. */
  id: string
  /** The version of `ai` in the page: `v5`, `v6` or `v7`. The server sends its chunks in the form of this version. */
  profile: 'v5' | 'v6' | 'v7'
  /**
   * An API key or a token for the server. A function returns a new token: it is called before the first
   * request, and again after a response with status 401. @defaultValue the requests have no key
   */
  key?: Key
  /** The agent that answers. @defaultValue the agent of the conversation, or of the server */
  agent?: string
  /** The model that answers, one of those that the agent offers. @defaultValue the model of the agent */
  model?: string
  /** Data for the callbacks of the agent, sent with each message. @defaultValue none */
  context?: Readonly<Record<string, unknown>>
  /** Headers of each request. @defaultValue none */
  headers?: Record<string, string>
  /** Whether requests to another origin send cookies: `include` sends them. @defaultValue 'same-origin' */
  credentials?: 'include' | 'omit' | 'same-origin'
  /**
   * The server no longer has this conversation: it was deleted, it has expired, or the server kept it in memory
   * and restarted. The page can keep its messages visible, and must begin a conversation with another id.
   * @defaultValue nothing happens
   */
  onGone?: (error: LoomClientError) => void
}

/** A message that a method of a chat takes: a text, or parts as in a `UIMessage`. */
type NewMessage =
  | string
  | {
      /** The id of the message. @defaultValue a new one */
      id?: string
      /** The content: texts and files. */
      parts: readonly {
        /** The kind of the part: `text` or `file`. */
        type: string
      }[]
    }

/**
 * One conversation on a server. Each method rejects with a `LoomClientError` if the server refuses its request,
 * for example with status 401, and with the error of `fetch` if the server cannot be reached.
 * @example
 * ```ts
 * import { type LoomChat, loomChat } from 'loomkit/client'
 *
 * const chat: LoomChat = loomChat({ api: 'https://example.com/api/chat', id: 'a', profile: 'v7' })
 * const { stopped } = await chat.stop({ queue: 'clear' })
 * ```
 */
export interface LoomChat<MESSAGE extends SentMessage = SentMessage> {
  /** The id of the conversation. */
  readonly id: string
  /** The option `transport` of `useChat` and `Chat`. */
  readonly transport: LoomTransport
  /**
   * The option `sendAutomaticallyWhen` of `useChat` and `Chat`. It returns true if the last message has an answer
   * to each of its client tools, or to each of its approval requests. The chat then posts the answers.
   */
  readonly sendAutomaticallyWhen: (chat: {
    /** The messages of the chat. */
    messages: readonly SentMessage[]
  }) => boolean
  /**
   * Returns all messages, the oldest first, and after them those that wait in the queue. The list is empty for an
   * id that the server does not know. An unfinished answer is not in the list: the transport streams it.
   */
  messages: (options?: {
    /** Ends the request. */
    signal?: AbortSignal | undefined
  }) => Promise<MESSAGE[]>
  /** Returns the last messages, or those before a message. */
  page: (options?: {
    /** The number of messages, at most 1000. @defaultValue 100 */
    limit?: number | undefined
    /** The id of the message before which the part ends. */
    before?: string | undefined
    /** Ends the request. */
    signal?: AbortSignal | undefined
  }) => Promise<HistoryPart<MESSAGE>>
  /** Returns the state, the title and the cost of the conversation, or undefined before its first message. */
  info: () => Promise<SessionInfo | undefined>
  /**
   * Stops the answer on the server and keeps its text; `stop` of `useChat` closes only the stream. A message that
   * was posted just before is stopped too.
   */
  stop: (options?: {
    /**
     * The effect on the messages that wait. `hold` keeps them until the next message, `clear` withdraws them,
     * `run` answers the next one. @defaultValue 'hold'
     */
    queue?: 'hold' | 'clear' | 'run'
    /** The only message to stop. If it waits, it is withdrawn. @defaultValue the running answer stops */
    messageId?: string
    /** Whether all tasks below the conversation stop too. @defaultValue false */
    tree?: boolean
  }) => Promise<StopReply>
  /** Returns the messages that wait for the end of the running answer. */
  queue: () => Promise<{
    /** The messages that wait, in order. */
    messages: MESSAGE[]
    /** Whether a stop holds them. */
    held: boolean
  }>
  /** Answers the messages that a stop holds. */
  runQueue: () => Promise<void>
  /** Withdraws a message that waits. Returns false if it does not wait: its answer may have begun. */
  withdraw: (messageId: string) => Promise<boolean>
  /**
   * Sends a message to the answer that runs, which reads it before its next step. Without a running answer, the
   * message gets an answer of its own.
   */
  steer: (message: NewMessage) => Promise<{
    /** The id of the answer. */
    messageId: string
    /** Whether the message waits for the next step of a running answer. */
    queued: boolean
  }>
  /** Returns the messages that edits and regenerations removed, one branch for each. */
  branches: () => Promise<ChatBranch<MESSAGE>[]>
  /** Copies the conversation and returns the id of the copy. */
  fork: (options?: {
    /** The id of the copy. @defaultValue a new one */
    id?: string
    /** The last message of the copy. @defaultValue the last message of the conversation */
    messageId?: string
    /** The number of a branch: the copy is the conversation before this cut. @defaultValue no branch */
    branch?: number
  }) => Promise<string>
  /** Returns the tasks below the conversation: the sub-agents that work for it. */
  tasks: () => Promise<TaskInfo[]>
  /** The messages that the conversation gets at later times. */
  readonly schedules: {
    /** Returns the schedules, the next one first. */
    list: () => Promise<ScheduleInfo[]>
    /** Adds a schedule. The same `id` and content again changes nothing. */
    create: (
      schedule: {
        /** The message of each occurrence. */
        message: NewMessage
        /** Identifies the schedule. @defaultValue a new one */
        id?: string
      } & ScheduleTime,
    ) => Promise<ScheduleInfo>
    /** Removes a schedule. Returns false if there is none with this id. */
    cancel: (scheduleId: string) => Promise<boolean>
  }
  /** Deletes the conversation with its tasks. Returns false if the server does not have it. */
  remove: () => Promise<boolean>
  /**
   * Reports what other tabs, tasks and schedules do in the conversation, until the returned function is called. A
   * lost connection is resumed for as long as the page is open.
   */
  watch: (options: WatchOptions) => () => void
  /**
   * Keeps a chat of the page equal to the conversation until the returned function is called: it loads the
   * history, shows the answer that runs, and does both again when another tab, a task or a schedule has changed
   * something. It changes nothing while the page sends a message or reads its answer.
   */
  attach: (page: ChatPage<MESSAGE>, options?: AttachOptions) => () => void
  /** @internal */
  readonly seen: SeenAnswers
}

/**
 * The messages that one edit or regeneration removed from the history.
 * @example
 * ```ts
 * import { type ChatBranch, loomChat } from 'loomkit/client'
 *
 * const chat = loomChat({ api: 'https://example.com/api/chat', id: 'lesson-1', profile: 'v7' })
 * const [first]: ChatBranch[] = await chat.branches()
 * const copy = await chat.fork(first && { branch: first.number })
 * ```
 */
export interface ChatBranch<MESSAGE extends SentMessage = SentMessage> {
  /** Identifies the branch in its conversation. It grows with every cut. */
  number: number
  /** The id of the first message that was removed. */
  at: string
  /** The index of this message in the history. */
  position: number
  /** The time of the cut, in milliseconds since 1970. */
  cutAtMs: number
  /** The messages that were removed, in order. */
  messages: MESSAGE[]
}

/**
 * Opens a conversation on a Loom server for a page with `useChat`, or for any other program. It makes no request
 * by itself. A page of ai 5, 6 or 7 passes its own message type: `loomChat<UIMessage>`.
 * @example
 * ```ts
 * import type { UIMessage } from 'ai'
 * import { loomChat } from 'loomkit/client'
 *
 * const api = 'https://example.com/api/chat'
 * const { transport, sendAutomaticallyWhen, messages } = loomChat<UIMessage>({ api, id: 'lesson-1', profile: 'v7' })
 * const loaded: UIMessage[] = await messages()
 * ```
 */
export function loomChat<MESSAGE extends SentMessage = SentMessage>(
  options: LoomChatOptions,
): LoomChat<MESSAGE> {
  const { id } = options
  // The options may change between two messages.
  const body = () => ({ agent: options.agent, model: options.model, context: options.context })
  const requests = new Requests(options)
  const { seen } = requests
  const transport = new ChatTransport(requests, { ...options, body })
  const load = async (before: string | undefined, messages: readonly MESSAGE[]) => {
    if (before !== undefined) return
    if (messages.length === 0 && seen.last !== undefined) {
      throw requests.refused(
        new LoomClientError('The server does not have this conversation any more.', {
          status: 410,
          code: 'gone',
        }),
      )
    }
    seen.replace(messages.map(({ id }) => id))
  }
  const chat: LoomChat<MESSAGE> = {
    id,
    seen,
    transport,
    sendAutomaticallyWhen: isAnswered,
    async messages({ signal } = {}) {
      const messages = await wholeHistory<MESSAGE>(requests, signal)
      await load(undefined, messages)
      return messages
    },
    async page(request = {}) {
      const part = await historyPart<MESSAGE>(requests, request)
      await load(request.before, part.messages)
      return part
    },
    info: () => requests.read<SessionInfo | undefined>('', undefined),
    async stop({ tree = false, ...body } = {}) {
      await transport.accepted()
      return requests.read<StopReply>(
        '/stop',
        { stopped: false },
        { body, ...(tree && { query: 'tree=1' }) },
      )
    },
    async queue() {
      const none = { queue: [], held: false }
      const { queue, held } = await requests.read<QueueBody<MESSAGE>>('/queue', none)
      return { messages: queue.flatMap(({ message }) => message ?? []), held }
    },
    async runQueue() {
      await requests.send('/queue/run', { method: 'POST' })
    },
    async withdraw(messageId) {
      const isWithdrawn = await requests.remove(`/queue/${encodeURIComponent(messageId)}`)
      if (isWithdrawn) seen.remove(messageId)
      return isWithdrawn
    },
    steer: (message) => transport.cast({ message: posted(message), whenBusy: 'steer' }),
    async branches() {
      return (
        await requests.read<{ branches: ChatBranch<MESSAGE>[] }>('/branches', { branches: [] })
      ).branches
    },
    async fork(body = {}) {
      return (await requests.json<{ id: string }>('/fork', { body })).id
    },
    async tasks() {
      return (await requests.read<{ tasks: TaskInfo[] }>('/tasks', { tasks: [] })).tasks
    },
    schedules: {
      async list() {
        const none = { schedules: [] }
        return (await requests.read<{ schedules: ScheduleInfo[] }>('/schedules', none)).schedules
      },
      create: ({ message, ...schedule }) =>
        requests.json('/schedules', {
          body: { ...body(), ...schedule, message: posted(message) },
        }),
      cancel: (scheduleId) => requests.remove(`/schedules/${encodeURIComponent(scheduleId)}`),
    },
    remove: () => requests.remove(''),
    watch: (callbacks) => watch(requests, options, callbacks),
    attach: (page, how = {}) => attach(chat, page, how),
  }
  return chat
}

interface QueueBody<MESSAGE> {
  queue: { message?: MESSAGE }[]
  held: boolean
}

/** A text is a message as it is. */
const posted = (message: NewMessage) =>
  typeof message === 'string' ? message : { role: 'user', ...message }
