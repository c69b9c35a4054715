/** The hook `useLoomChat` over the `useChat` of each version of `ai`, in a page of its own. */
import type * as ai7 from 'ai'
import type { UseChatHelpers as Helpers5 } from 'ai-react5'
import type { UseChatHelpers as Helpers6 } from 'ai-react6'
import type { UseChatHelpers as Helpers7 } from 'ai-react7'
import type * as ai5 from 'ai5'
import type * as ai6 from 'ai6'
import { createElement, StrictMode } from 'react'

import type { AttachOptions, LoomChatOptions } from '../../src/client.ts'
import { type ConversationState, useConversation } from '../../src/react/conversation.ts'
import type { Chat, ChatMessage } from './chat-client.ts'
// It opens the page, which React looks for when it loads.
import { pageDocument, textOf } from './hook-client.ts'

const { createRoot } = await import('react-dom/client')
const { flushSync } = await import('react-dom')
const { useChat: useChat5 } = await import('ai-react5')
const { useChat: useChat6 } = await import('ai-react6')
const { useChat: useChat7 } = await import('ai-react7')

type Options = LoomChatOptions & Pick<AttachOptions, 'watch'>

/** The members that the hooks of all versions have. */
type Result = Omit<Chat, keyof ConversationState<ChatMessage>> & ConversationState<ChatMessage>

export interface LoomHook {
  name: string
  major: 5 | 6 | 7
  open: (options: Options) => MountedLoom
}

export interface MountedLoom extends Disposable {
  /** The result of the last render. */
  readonly chat: Result
  /** The visible texts, one for each message. */
  readonly shown: readonly string[]
  /** All lists of messages that the page has shown. */
  readonly history: readonly (readonly string[])[]
  /** Renders with other options. */
  render(options: Options): void
}

export const loomHooks: readonly LoomHook[] = [
  {
    name: '@ai-sdk/react 2',
    major: 5,
    open: (options) =>
      mount(options, (options) =>
        useConversation<ai5.UIMessage, Helpers5<ai5.UIMessage>>(options, (init) =>
          useChat5({ ...init, ...options }),
        ),
      ),
  },
  {
    name: '@ai-sdk/react 3',
    major: 6,
    open: (options) =>
      mount(options, (options) =>
        useConversation<ai6.UIMessage, Helpers6<ai6.UIMessage>>(options, (init) =>
          useChat6({ ...init, ...options }),
        ),
      ),
  },
  {
    name: '@ai-sdk/react 4',
    major: 7,
    open: (options) =>
      mount(options, (options) =>
        useConversation<ai7.UIMessage, Helpers7<ai7.UIMessage>>(options, (init) =>
          useChat7({ ...init, ...options }),
        ),
      ),
  },
]

/** Renders the hook under `StrictMode`, which mounts each component twice. */
function mount(first: Options, useLoom: (options: Options) => Result): MountedLoom {
  const element = pageDocument.createElement('main')
  pageDocument.body.append(element)
  const root = createRoot(element)
  const history: string[][] = []
  let rendered: Result | undefined
  function Page({ options }: { options: Options }) {
    rendered = useLoom(options)
    history.push(rendered.messages.map(textOf))
    return rendered.messages.map((message) =>
      createElement('article', { key: message.id }, textOf(message)),
    )
  }
  const render = (options: Options) =>
    flushSync(() => root.render(createElement(StrictMode, {}, createElement(Page, { options }))))
  render(first)
  return {
    history,
    render,
    get chat() {
      if (rendered === undefined) throw new Error('nothing was rendered')
      return rendered
    },
    get shown() {
      return Array.from(element.querySelectorAll('article'), ({ textContent }) => textContent)
    },
    [Symbol.dispose]() {
      flushSync(() => root.unmount())
      element.remove()
    },
  }
}
