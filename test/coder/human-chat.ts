/**
 * `useChat` of ai 7 as in a page, and its human, who approves each request and answers the question. The
 * chat continues at another server if one is gone.
 */
import { resumableFetch } from '../../src/client.ts'
import { type Chat, type ChatMessage, sdks } from '../clients/chat-client.ts'
import { until } from '../redis/until.ts'
import { balancedFetch } from '../sessions/tab.ts'

export interface AnsweringChat {
  readonly chat: Chat
  /** The answer so far. */
  readonly answer: ChatMessage
  /** Sends a text and resolves at the end of the answer. */
  ask: (text: string) => Promise<void>
}

export interface AnsweringOptions {
  /** The servers, in the order of the attempts. */
  urls: readonly string[]
  /** @defaultValue approves everything */
  approve?: (toolName: string) => boolean
  /** Called with the names of the tools that wait for the human, before the human answers. */
  onAsked?: (toolNames: string[]) => Promise<void>
  /** Called after the human's answer. */
  onAnswered?: (toolNames: string[]) => Promise<void>
}

type Part = Readonly<Record<string, unknown>>

export function openAnsweringChat(options: AnsweringOptions): AnsweringChat {
  const { urls, approve = () => true } = options
  let rests = true
  const resuming = resumableFetch({
    fetch: balancedFetch(urls),
    pauseMs: 20,
    attempts: 100,
    silenceMs: 10_000,
  })
  const chat = sdk().open({
    api: 'http://any/api/chat?profile=v7',
    fetch: (...request) => {
      rests = false
      return resuming(...request)
    },
    decided: (sends) => {
      rests = !sends
    },
  })
  const quiet = () =>
    until(30_000, 'the answer', () => {
      if (chat.status === 'error') throw chat.error ?? new Error('the chat failed')
      return rests && chat.status === 'ready'
    })
  const answerAll = async (parts: readonly Part[]) => {
    for (const part of parts) {
      const approval: unknown = part['approval']
      const toolCallId = String(part['toolCallId'])
      if (part['state'] === 'approval-requested') {
        const { id } = Object(approval)
        await chat.addToolApprovalResponse?.({ id, approved: approve(nameOf(part)) })
      } else {
        await chat.addToolOutput({ tool: nameOf(part), toolCallId, output: 'Moin' })
      }
    }
  }
  return {
    chat,
    get answer() {
      return answerOf(chat)
    },
    async ask(text) {
      rests = false
      const sending = chat.sendMessage({ text })
      for (;;) {
        await quiet()
        const parts = openParts(answerOf(chat))
        if (parts.length === 0) break
        await options.onAsked?.(parts.map(nameOf))
        const answering = answerAll(parts)
        await options.onAnswered?.(parts.map(nameOf))
        await answering
      }
      await sending
    },
  }
}

const nameOf = ({ type }: Part) => String(type).replace(/^tool-/, '')

function answerOf(chat: Chat): ChatMessage {
  const last = chat.messages.at(-1)
  if (last?.role !== 'assistant') throw new Error('there is no answer yet')
  return last
}

const openParts = ({ parts }: ChatMessage): Part[] =>
  parts
    .map((part): Part => ({ ...part }))
    .filter(({ state }) => state === 'approval-requested' || state === 'input-available')

function sdk() {
  const found = sdks.find(({ name }) => name === 'ai 7')
  if (found === undefined) throw new Error('ai 7 is not among the clients')
  return found
}
