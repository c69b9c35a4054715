/** The state of a conversation in a React component, over the `useChat` of any version. */
import { useEffect, useMemo, useRef, useState } from 'react'

import {
  type AttachOptions,
  loomChat,
  type LoomChat,
  type LoomChatOptions,
  type LoomClientError,
} from '../client.ts'
import { type HookChat, lastChat, lastOptions, type Message, stopOf } from './page.ts'

/** The options of `useChat` that this module supplies. */
export type HookInit = Pick<LoomChat, 'id' | 'transport' | 'sendAutomaticallyWhen'>

/** The methods of a `loomChat` that the result of `useChat` does not have. */
type Methods<MESSAGE extends Message> = Pick<
  LoomChat<MESSAGE>,
  | 'page'
  | 'info'
  | 'queue'
  | 'runQueue'
  | 'withdraw'
  | 'steer'
  | 'branches'
  | 'fork'
  | 'tasks'
  | 'schedules'
  | 'remove'
>

/** What `useLoomChat` adds to the result of `useChat`. */
export interface ConversationState<MESSAGE extends Message> extends Methods<MESSAGE> {
  /** Whether the history is not loaded yet. */
  isLoading: boolean
  /**
   * The error of the last message, of the history, or of the stream of the conversation. It is a
   * `LoomClientError` if the server refused a request.
   */
  error: Error | undefined
  /** The reason why the conversation cannot go on: the server does not have it any more. */
  gone: LoomClientError | undefined
  /** The messages that wait for the end of the running answer, and whether a stop holds them. */
  queued: Parameters<NonNullable<AttachOptions['onQueue']>>[0]
  /** Stops the answer on the server and keeps its text, or stops one message. */
  stop: LoomChat['stop']
  /** Removes the error from the page. */
  clearError: () => void
}

/** What the component knows of one conversation. */
interface Known extends Pick<ConversationState<Message>, 'isLoading' | 'gone' | 'queued'> {
  /** The `loomChat` of the conversation. */
  of: object
  failure: Error | undefined
}

const nothing = { isLoading: true, gone: undefined, failure: undefined }
const known = (of: object): Known => ({ ...nothing, of, queued: { messages: [], held: false } })

/**
 * Opens a conversation for a component: loads it, shows the running answer, and follows other tabs until the
 * component unmounts.
 * @param useOwnChat calls `useChat` with these options
 */
export function useConversation<MESSAGE extends Message, CHAT extends HookChat<MESSAGE>>(
  options: LoomChatOptions & Pick<AttachOptions, 'watch'>,
  useOwnChat: (init: HookInit) => CHAT,
): Omit<CHAT, keyof ConversationState<MESSAGE>> & ConversationState<MESSAGE> {
  const { api, id, profile, watch = true } = options
  const last = useRef(options)
  last.current = options
  const loom: LoomChat<MESSAGE> = useMemo(() => {
    const onGone = (gone: LoomClientError) => {
      note.current(loom, { gone })
      last.current.onGone?.(gone)
    }
    return loomChat<MESSAGE>(lastOptions(last, onGone))
  }, [api, id, profile])
  const [state, setState] = useState(() => known(loom))
  // After a change of the id, neither the state nor a late event of the last conversation counts.
  const { isLoading, gone, queued, failure } = state.of === loom ? state : known(loom)
  const note = useRef<(of: object, fields: Partial<Known>) => void>(() => {})
  note.current = (of, fields) => {
    if (of === loom)
      setState((state) => ({ ...(state.of === loom ? state : known(loom)), ...fields }))
  }
  const { transport, sendAutomaticallyWhen } = loom
  const chat = useOwnChat({ id, transport, sendAutomaticallyWhen })
  const page = useRef(chat)
  page.current = chat

  useEffect(() => {
    const set = (fields: Partial<Known>) => note.current(loom, fields)
    const leave = loom.attach(lastChat(page), {
      watch,
      onLoad: () => set({ isLoading: false, failure: undefined }),
      onQueue: (queued) => set({ queued }),
      onError: (failure) => set({ isLoading: false, failure }),
    })
    // After a change of the id, the reference leads to the next chat.
    const { stop } = page.current
    return () => {
      leave()
      // This closes the stream, and the server continues with the answer.
      void stop()
    }
  }, [loom, watch])

  const methods = useMemo(
    () => ({
      ...methodsOf(loom),
      stop: stopOf(loom, page),
      clearError: () => {
        note.current(loom, { failure: undefined })
        page.current.clearError()
      },
    }),
    [loom],
  )
  return { ...chat, ...methods, isLoading, gone, queued, error: chat.error ?? failure }
}

function methodsOf<MESSAGE extends Message>(loom: LoomChat<MESSAGE>): Methods<MESSAGE> {
  const { page, info, queue, runQueue, withdraw, steer, branches, fork, tasks, schedules, remove } =
    loom
  return { page, info, queue, runQueue, withdraw, steer, branches, fork, tasks, schedules, remove }
}
