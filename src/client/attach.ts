/** Keeps the chat of a page equal to the conversation on the server. */
import type { SentMessage } from './automatic-send.ts'
import { pause } from './retry.ts'
import type { SeenAnswers } from './seen-answers.ts'
import type { WatchOptions } from './watch.ts'

/**
 * The members of a chat that `attach` of a `loomChat` uses. A `Chat` of `ai`, `@ai-sdk/vue`, `@ai-sdk/svelte` or
 * `@ai-sdk/angular` has them.
 * @example
 * ```ts
 * import { type ChatPage, loomChat } from 'loomkit/client'
 *
 * const page: ChatPage = { messages: [], status: 'ready', resumeStream: () => Promise.resolve() }
 * const { attach } = loomChat({ api: 'https://example.com/api/chat', id: 'a', profile: 'v7' })
 * const leave = attach(page)
 * ```
 */
export interface ChatPage<MESSAGE extends SentMessage = SentMessage> {
  /** The messages that the page shows. `attach` replaces them. */
  messages: MESSAGE[]
  /** `submitted` or `streaming` while the page reads an answer. */
  readonly status: string
  /** Shows the answer that runs. */
  resumeStream(): Promise<void>
}

/**
 * The functions that `attach` of a `loomChat` calls.
 * @example
 * ```ts
 * import type { AttachOptions } from 'loomkit/client'
 *
 * const failures: Error[] = []
 * const options: AttachOptions = { watch: false, onError: (error) => failures.push(error) }
 * ```
 */
export interface AttachOptions extends Pick<WatchOptions, 'onQueue' | 'onError'> {
  /** The page has the messages of the server. It is called again after each change. @defaultValue nothing happens */
  onLoad?: () => void
  /** Whether the page follows other tabs, tasks and schedules. @defaultValue true */
  watch?: boolean
}

/** The members of a `loomChat` that `attach` uses. */
interface Conversation<MESSAGE> {
  messages: (options: { signal: AbortSignal }) => Promise<MESSAGE[]>
  info: () => Promise<{ state: string } | undefined>
  watch: (options: WatchOptions) => () => void
  readonly seen: SeenAnswers
}

/** @returns a function that ends it */
export function attach<MESSAGE extends SentMessage>(
  loom: Conversation<MESSAGE>,
  page: ChatPage<MESSAGE>,
  { onLoad, onQueue, onError, watch = true }: AttachOptions,
): () => void {
  const leaving = new AbortController()
  const { signal } = leaving
  let isLoading = false
  let isStale = false

  const isBusy = () =>
    page.status === 'submitted' || page.status === 'streaming' || loom.seen.isBusy
  const show = async () => {
    while (isBusy()) await pause(1, { pauseMs: 100, signal })
    const [messages, info] = await Promise.all([loom.messages({ signal }), loom.info()])
    signal.throwIfAborted()
    // The user has sent a message meanwhile: the page loads again after its answer.
    if (isBusy()) return void (isStale = true)
    const isOpen = info !== undefined && info.state !== 'idle'
    // The history does not have the unfinished answer. The page keeps showing it until its stream is there, unless
    // ai would continue the part of an input in it.
    const keeps = isOpen && !page.messages.at(-1)?.parts.some(isUnfinishedInput)
    if (!keeps) page.messages = messages
    if (!isOpen) return
    loom.seen.onResume = (isRunning) => {
      if (keeps) page.messages = messages
      if (!isRunning) change()
    }
    page.resumeStream().catch(report)
  }
  const report = (error: Error) => {
    if (!signal.aborted) onError?.(error)
  }
  const load = async () => {
    isStale = true
    if (isLoading) return
    isLoading = true
    try {
      while (isStale) {
        isStale = false
        loom.seen.isMissing = true
        await show()
        loom.seen.isMissing = false
      }
      onLoad?.()
    } finally {
      isLoading = false
    }
  }
  const change = () => void load().catch(report)
  change()
  // Without a watch, the page still loads the messages again after a failed request of its own.
  loom.seen.watch(change)
  const unwatch = watch
    ? loom.watch({ onChange: change, ...(onQueue && { onQueue }), ...(onError && { onError }) })
    : () => loom.seen.unwatch(change)
  return () => {
    leaving.abort()
    unwatch()
  }
}

const isUnfinishedInput = (part: object) => 'state' in part && part.state === 'input-streaming'
