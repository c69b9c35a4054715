/**
 * A chat without a page for each supported AI SDK: its own chat logic, transport and send rules,
 * with a state of ten lines. The six packages have six sets of types. `Chat` is their common part.
 */
import * as ai7 from 'ai'
import * as ai5 from 'ai5'
import * as ai5Strict from 'ai5-strict'
import * as ai6 from 'ai6'
import * as ai6Strict from 'ai6-strict'
import * as ai7Strict from 'ai7-strict'

import type { LoomChat } from '../../src/client.ts'
import type { Message } from '../clients.ts'

export interface ChatMessage extends Message {
  role: string
  parts: readonly { type: string }[]
}

export interface NewMessage {
  text: string
  files?: { type: 'file'; mediaType: string; url: string; filename?: string }[]
  /** Replaces this user message and the messages after it. */
  messageId?: string
}

export type ClientToolOutput = { tool: string; toolCallId: string } & (
  | { output: string }
  | { state: 'output-error'; errorText: string }
)

export interface Chat {
  readonly status: ChatStatus
  readonly error: Error | undefined
  readonly messages: readonly ChatMessage[]
  sendMessage(message?: NewMessage): Promise<void>
  /** Aborts the request. */
  stop(): Promise<void>
  regenerate(options?: { messageId?: string }): Promise<void>
  addToolOutput(output: ClientToolOutput): void | PromiseLike<void>
  addToolResult(output: ClientToolOutput): void | PromiseLike<void>
  /** Absent in ai 5. */
  addToolApprovalResponse?(answer: {
    id: string
    approved: boolean
    reason?: string
  }): void | PromiseLike<void>
}

/** A chat without a hook. */
export interface LoadedChat extends Chat {
  readonly id: string
  /** Reads the running answer from the server. */
  resumeStream(): Promise<void>
}

type ChatStatus = 'submitted' | 'streaming' | 'ready' | 'error'

export interface ChatOptions {
  api: string
  fetch: typeof fetch
  /** Receives each decision of the client whether it sends automatically. */
  decided: (sends: boolean) => void
  /** Whether the answers are plain text. @defaultValue false */
  text?: boolean
}

/** A page that loads the messages of the server. */
export interface PageOptions extends ChatOptions {
  /** @defaultValue a new one */
  id?: string | undefined
  messages?: readonly ChatMessage[] | undefined
  /** Makes the requests and decides when to send, instead of the transport and the rules of the SDK. */
  loom?: Pick<LoomChat, 'transport' | 'sendAutomaticallyWhen'> | undefined
}

export interface ChatSdk {
  /** The key of the client in `test/clients.ts`. */
  name: string
  major: 5 | 6 | 7
  strict: boolean
  open: (options: PageOptions) => LoadedChat
}

class Chat5 extends ai5.AbstractChat<ai5.UIMessage> {}
class Chat5Strict extends ai5Strict.AbstractChat<ai5Strict.UIMessage> {}
class Chat6 extends ai6.AbstractChat<ai6.UIMessage> {}
class Chat6Strict extends ai6Strict.AbstractChat<ai6Strict.UIMessage> {}
class Chat7 extends ai7.AbstractChat<ai7.UIMessage> {}
class Chat7Strict extends ai7Strict.AbstractChat<ai7Strict.UIMessage> {}

/** The state that React's chat stores in hooks. */
class ChatState<MESSAGE> {
  status: ChatStatus = 'ready'
  error: Error | undefined = undefined
  messages: MESSAGE[]

  /** By type the messages belong to another package. For all packages they are the same JSON. */
  constructor(messages: readonly ChatMessage[] = []) {
    this.messages = JSON.parse(JSON.stringify(messages))
  }

  readonly pushMessage = (message: MESSAGE) => {
    this.messages = [...this.messages, message]
  }
  readonly popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }
  readonly replaceMessage = (index: number, message: MESSAGE) => {
    this.messages = this.messages.with(index, this.snapshot(message))
  }
  readonly snapshot = <THING>(thing: THING): THING => structuredClone(thing)
}

/** The rule of the client, which reports each of its decisions. */
export function noting<CHAT>(
  rule: (chat: CHAT) => boolean,
  decided: (sends: boolean) => void,
): (chat: CHAT) => boolean {
  return (chat) => {
    const sends = rule(chat)
    decided(sends)
    return sends
  }
}

export const sends6 = (chat: { messages: ai6.UIMessage[] }) =>
  ai6.lastAssistantMessageIsCompleteWithToolCalls(chat) ||
  ai6.lastAssistantMessageIsCompleteWithApprovalResponses(chat)
const sends6Strict = (chat: { messages: ai6Strict.UIMessage[] }) =>
  ai6Strict.lastAssistantMessageIsCompleteWithToolCalls(chat) ||
  ai6Strict.lastAssistantMessageIsCompleteWithApprovalResponses(chat)
export const sends7 = (chat: { messages: ai7.UIMessage[] }) =>
  ai7.lastAssistantMessageIsCompleteWithToolCalls(chat) ||
  ai7.lastAssistantMessageIsCompleteWithApprovalResponses(chat)
const sends7Strict = (chat: { messages: ai7Strict.UIMessage[] }) =>
  ai7Strict.lastAssistantMessageIsCompleteWithToolCalls(chat) ||
  ai7Strict.lastAssistantMessageIsCompleteWithApprovalResponses(chat)

export const sdks: readonly ChatSdk[] = [
  {
    name: 'ai 5',
    major: 5,
    strict: false,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat5({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai5.TextStreamChatTransport : ai5.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(
          loom?.sendAutomaticallyWhen ?? ai5.lastAssistantMessageIsCompleteWithToolCalls,
          decided,
        ),
      }),
  },
  {
    name: 'ai 5.0.150',
    major: 5,
    strict: true,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat5Strict({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai5Strict.TextStreamChatTransport : ai5Strict.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(
          loom?.sendAutomaticallyWhen ?? ai5Strict.lastAssistantMessageIsCompleteWithToolCalls,
          decided,
        ),
      }),
  },
  {
    name: 'ai 6',
    major: 6,
    strict: false,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat6({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai6.TextStreamChatTransport : ai6.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(loom?.sendAutomaticallyWhen ?? sends6, decided),
      }),
  },
  {
    name: 'ai 6.0.3',
    major: 6,
    strict: true,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat6Strict({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai6Strict.TextStreamChatTransport : ai6Strict.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(loom?.sendAutomaticallyWhen ?? sends6Strict, decided),
      }),
  },
  {
    name: 'ai 7',
    major: 7,
    strict: false,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat7({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai7.TextStreamChatTransport : ai7.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(loom?.sendAutomaticallyWhen ?? sends7, decided),
      }),
  },
  {
    name: 'ai 7.0.0',
    major: 7,
    strict: true,
    open: ({ text = false, decided, id, messages, loom, ...options }) =>
      new Chat7Strict({
        ...(id !== undefined && { id }),
        state: new ChatState(messages),
        transport:
          loom?.transport ??
          new (text ? ai7Strict.TextStreamChatTransport : ai7Strict.DefaultChatTransport)(options),
        sendAutomaticallyWhen: noting(loom?.sendAutomaticallyWhen ?? sends7Strict, decided),
      }),
  },
]
