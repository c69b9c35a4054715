/**
 * The real `useChat` hooks in a page, with the interface of a chat without a page. The state of a
 * hook is its last rendered output. React renders by itself, as in browsers: nothing calls `act`,
 * so no render waits for the end of an answer.
 */
import { setImmediate } from 'node:timers/promises'

import * as ai7 from 'ai'
import * as ai5 from 'ai5'
import * as ai6 from 'ai6'
import { JSDOM } from 'jsdom'
import { createElement } from 'react'

import { noting, sends6, sends7 } from './chat-client.ts'
import type { Chat, ChatMessage, PageOptions } from './chat-client.ts'

const page = new JSDOM('<!doctype html>', { url: 'http://localhost/' })
Object.assign(globalThis, { window: page.window, document: page.window.document })

/** The document of the page. */
export const pageDocument = page.window.document

// The packages look for a page when they load.
const { createRoot } = await import('react-dom/client')
const { flushSync } = await import('react-dom')
const { useChat: useChat5 } = await import('ai-react5')
const { useChat: useChat6 } = await import('ai-react6')
const { useChat: useChat7 } = await import('ai-react7')

export interface HookOptions extends PageOptions {
  /** Whether the page reads the running answer when it opens. @defaultValue false */
  resume?: boolean | undefined
}

export interface HookSdk {
  name: string
  major: 5 | 6 | 7
  open: (options: HookOptions) => MountedChat
}

export interface MountedChat extends Chat, Disposable {
  /** The texts of the page, one for each message. */
  readonly shown: readonly string[]
}

export const hookSdks: readonly HookSdk[] = [
  {
    name: '@ai-sdk/react 2',
    major: 5,
    open({ decided, id, messages, resume, ...options }) {
      const loaded = loadedWith({ id, messages, resume })
      const transport = new ai5.DefaultChatTransport(options)
      const sendAutomaticallyWhen = noting(ai5.lastAssistantMessageIsCompleteWithToolCalls, decided)
      return mount(() => useChat5({ transport, sendAutomaticallyWhen, ...loaded }))
    },
  },
  {
    name: '@ai-sdk/react 3',
    major: 6,
    open({ decided, id, messages, resume, ...options }) {
      const loaded = loadedWith({ id, messages, resume })
      const transport = new ai6.DefaultChatTransport(options)
      const sendAutomaticallyWhen = noting(sends6, decided)
      return mount(() => useChat6({ transport, sendAutomaticallyWhen, ...loaded }))
    },
  },
  {
    name: '@ai-sdk/react 4',
    major: 7,
    open({ decided, id, messages, resume, ...options }) {
      const loaded = loadedWith({ id, messages, resume })
      const transport = new ai7.DefaultChatTransport(options)
      const sendAutomaticallyWhen = noting(sends7, decided)
      return mount(() => useChat7({ transport, sendAutomaticallyWhen, ...loaded }))
    },
  },
]

/** By type the messages belong to the package of the hook. For all packages they are JSON. */
function loadedWith({
  id,
  messages = [],
  resume = false,
}: Pick<HookOptions, 'id' | 'messages' | 'resume'>) {
  const own: { messages: [] } = JSON.parse(JSON.stringify({ messages }))
  return { ...own, resume, ...(id !== undefined && { id }) }
}

/** Renders the result of a hook in its own page. */
export function mount(useOwnChat: () => Chat): MountedChat {
  const { document } = page.window
  const element = document.createElement('main')
  document.body.append(element)
  const root = createRoot(element)
  let rendered: Chat | undefined
  function Page() {
    rendered = useOwnChat()
    return rendered.messages.map((message) =>
      createElement('article', { key: message.id }, textOf(message)),
    )
  }
  flushSync(() => root.render(createElement(Page)))
  const last = (): Chat => {
    if (rendered === undefined) throw new Error('nothing was rendered')
    return rendered
  }
  return {
    get status() {
      return last().status
    },
    get error() {
      return last().error
    },
    get messages() {
      return last().messages
    },
    get shown() {
      return [...element.querySelectorAll('article')].map(({ textContent }) => textContent)
    },
    sendMessage: (message) => after(last().sendMessage(message)),
    stop: () => after(last().stop()),
    regenerate: (options) => after(last().regenerate(options)),
    addToolOutput: (output) => after(last().addToolOutput(output)),
    addToolResult: (output) => after(last().addToolResult(output)),
    addToolApprovalResponse: (answer) => after(last().addToolApprovalResponse?.(answer)),
    [Symbol.dispose]() {
      flushSync(() => root.unmount())
      element.remove()
    },
  }
}

/** The renders of an action are done before the next turn of the event loop. */
async function after(action: unknown): Promise<void> {
  await action
  await setImmediate()
}

/** The visible text. */
export function textOf({ parts }: ChatMessage): string {
  return parts.map((part) => ('text' in part ? String(part.text) : '')).join('')
}
