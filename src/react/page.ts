/** The chat of a React component, as the client of a conversation uses it. */
import type { ChatPage, LoomChat, LoomChatOptions, LoomClientError } from '../client.ts'

/** A message of any version of `ai`. */
export type Message = Awaited<ReturnType<LoomChat['messages']>>[number]

/** The members of `useChat` that this module uses. */
export interface HookChat<MESSAGE> {
  readonly messages: MESSAGE[]
  readonly status: string
  readonly error: Error | undefined
  setMessages: (messages: MESSAGE[]) => void
  resumeStream: () => Promise<void>
  stop: () => Promise<void>
  clearError: () => void
}

/** The value of the last render. */
interface Last<VALUE> {
  readonly current: VALUE
}

/** The options of the last render, because a render may change them between two requests. */
export function lastOptions(
  last: Last<LoomChatOptions>,
  onGone: (error: LoomClientError) => void,
): LoomChatOptions {
  const readKey = async () => {
    const { key = '' } = last.current
    return typeof key === 'string' ? key : key()
  }
  const options = { ...last.current, onGone }
  if (options.key !== undefined) options.key = readKey
  for (const name of ['agent', 'model', 'context', 'headers', 'fetch'] as const)
    Object.defineProperty(options, name, { get: () => last.current[name] })
  return options
}

/** The chat of the last render. */
export const lastChat = <MESSAGE extends Message>(
  last: Last<HookChat<MESSAGE>>,
): ChatPage<MESSAGE> => ({
  get messages() {
    return last.current.messages
  },
  set messages(messages) {
    last.current.setMessages(messages)
  },
  get status() {
    return last.current.status
  },
  resumeStream: () => last.current.resumeStream(),
})

/** The time in which the stream of a stopped answer ends. */
const endMs = 3000

/** Stops on the server. After that, the page reads the end of its stream, or closes it if it does not end. */
export const stopOf =
  <MESSAGE extends Message>(
    loom: LoomChat<MESSAGE>,
    last: Last<HookChat<MESSAGE>>,
  ): LoomChat['stop'] =>
  async (options = {}) => {
    const { stop } = last.current
    const isReading = () =>
      last.current.stop === stop && ['submitted', 'streaming'].includes(last.current.status)
    let endsBy = 0
    try {
      const reply = await loom.stop(options)
      if (reply.stopped) endsBy = Date.now() + endMs
      return reply
    } finally {
      while (isReading() && Date.now() < endsBy)
        await new Promise((resolve) => setTimeout(resolve, 20))
      if (isReading() && options.messageId === undefined) await stop()
    }
  }
