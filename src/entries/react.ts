/** The hook for React: `useChat` of `@ai-sdk/react` 2, 3 or 4 for a conversation on a Loom server. */
import { type Chat, useChat, type UseChatHelpers } from '@ai-sdk/react'

import type { AttachOptions, LoomChatOptions } from '../client.ts'
import { type ConversationState, useConversation } from '../react/conversation.ts'

/** The `UIMessage` of the version of `ai` in the page. */
type UIMessage = ReturnType<typeof useChat>['messages'][number]

/** The options of `useChat` that `useLoomChat` supplies itself. */
type Supplied = 'id' | 'messages' | 'transport'

/**
 * The options of `useLoomChat`: those of `loomChat`, and those of `useChat` but `messages`, `transport` and
 * `resume`.
 * @example
 * ```ts
 * import type { UseLoomChatOptions } from 'loomkit/react'
 *
 * const options: UseLoomChatOptions = { api: '/api/chat', id: 'lesson-1', profile: 'v7', watch: false }
 * const noting: UseLoomChatOptions = { ...options, generateId: () => crypto.randomUUID() }
 * ```
 */
export type UseLoomChatOptions<MESSAGE extends UIMessage = UIMessage> = LoomChatOptions &
  Pick<AttachOptions, 'watch'> &
  Omit<ConstructorParameters<typeof Chat<MESSAGE>>[0], Supplied> & {
    /** The shortest time between two renders, in milliseconds. @defaultValue each chunk renders */
    experimental_throttle?: number
  }

/**
 * The result of `useLoomChat`: that of `useChat`, and the members of a `loomChat`.
 * @example
 * ```ts
 * import type { LoomChatHelpers } from 'loomkit/react'
 *
 * const titleOf = async ({ info }: LoomChatHelpers) => (await info())?.title
 * const isBusy = ({ status, isLoading }: LoomChatHelpers) => isLoading || status === 'streaming'
 * ```
 */
export type LoomChatHelpers<MESSAGE extends UIMessage = UIMessage> = Omit<
  UseChatHelpers<MESSAGE>,
  keyof ConversationState<MESSAGE>
> &
  ConversationState<MESSAGE>

/**
 * `useChat` for a conversation on a Loom server. It loads the history, shows an answer that already runs, sends the
 * answers to client tools and approval requests, follows other tabs, and stops on the server. The component may
 * change `agent`, `model`, `context`, `key` and `headers` at any render; another `id` opens another conversation.
 * @example
 * ```ts
 * import { useLoomChat } from 'loomkit/react'
 *
 * const useLesson = (id: string) =>
 *   useLoomChat({ api: 'http://127.0.0.1:3000/api/chat', id, profile: 'v7' })
 * ```
 */
export function useLoomChat<MESSAGE extends UIMessage = UIMessage>(
  options: UseLoomChatOptions<MESSAGE>,
): LoomChatHelpers<MESSAGE> {
  return useConversation<MESSAGE, UseChatHelpers<MESSAGE>>(options, (init) =>
    useChat<MESSAGE>({ ...init, ...options }),
  )
}
