/**
 * The real `useChat` hooks in a page, behind the same face as a chat without one. What is seen of a
 * hook is what it last rendered. React renders on its own here, as it does in browsers: nothing calls
 * `act`, so nothing holds a render back until an answer is whole.
 */
import { JSDOM } from 'jsdom'
import { createElement } from 'react'

import type { Chat, ChatMessage, ChatOptions } from './chat-client.ts'

const page = new JSDOM('<!doctype html>', { url: 'http://localhost/' })
Object.assign(globalThis, { window: page.window, document: page.window.document })

// They look for a page when they are loaded.
const { createRoot } = await import('react-dom/client')
const { useChat: useChat5 } = await import('ai-react5')
const { useChat: useChat6 } = await import('ai-react6')
const { useChat: useChat7 } = await import('ai-react7')

export interface HookSdk {
  name: string
  major: 5 | 6 | 7
  open: (options: ChatOptions) => MountedChat
}

export interface MountedChat extends Chat {
  /** What the page shows of every message. */
  readonly shown: readonly string[]
  unmount: () => void
}

function mount(useOwnChat: () => Chat): MountedChat {
  const { document } = page.window
  const element = document.createElement('main')
  document.body.append(element)
  const root = createRoot(element)
  const { promise: firstRender, resolve } = Promise.withResolvers<void>()
  let last: Chat | undefined
  const Page = () => {
    last = useOwnChat()
    resolve()
    return last.messages.map((message) =>
      createElement('article', { key: message.id }, textOf(message)),
    )
  }
  root.render(createElement(Page))

  return {}
}
