/**
 * The conversation of the playground without its page: the files of the browser, with the app of
 * the server. It needs no browser and no DOM, because the page draws only `entries`.
 */
import type { UIMessage } from 'ai'
import type { Hono } from 'hono'
import { vi } from 'vitest'

export interface Entry {
  message: UIMessage
  live?: boolean
  waiting?: boolean
  state?: 'sending' | 'queued' | 'failed'
  end?: string
  error?: string
  /** A note of the page. */
  note?: string
}

type ToolPart = UIMessage['parts'][number]

export interface Chat {
  id: string
  entries: Entry[]
  link: 'ok' | 'lost' | 'gone' | 'denied'
  problem: string
  busy: boolean
  watch: () => Promise<void>
  look: () => Promise<void>
  send: (parts: UIMessage['parts'], whenBusy?: string) => Promise<'gone' | undefined>
  forgotten: () => Entry[]
  resend: (entry: Entry) => Promise<void>
  withdraw: (entry: Entry) => Promise<void>
  stop: () => Promise<void>
  redo: (entry: Entry) => Promise<void>
  retry: (entry: Entry) => Promise<void>
  edit: (entry: Entry, parts: UIMessage['parts']) => Promise<void>
  answer: (entry: Entry, part: ToolPart, output: unknown) => Promise<void>
  decide: (
    entry: Entry,
    part: ToolPart,
    decision: { approved: boolean; reason: string },
  ) => Promise<void>
  close: () => void
}

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>

interface Key {
  value: string | undefined
  ask: (refused: string | undefined) => Promise<boolean>
}

interface ServerModule {
  openServer: (options: { fetch: Fetch; key?: Key; pauseMs: number }) => {
    agents: () => Promise<unknown[]>
  }
}

interface ChatModule {
  openChat: (options: { server: object; id?: string; pauseMs: number }) => Chat
}

const file = (name: string) => new URL(`../web/playground-${name}.js`, import.meta.url).href

// The type of these imports is `any`: TypeScript has not read the files.
export const { openServer }: ServerModule = await import(file('server'))
const { openChat }: ChatModule = await import(file('chat'))

const pauseMs = 1

export const fetchOf =
  (app: Hono): Fetch =>
  async (path, init) =>
    app.request(path, init)

/** Opens a conversation like a tab: a new one, or the one with this id. */
export function openTab(fetch: Fetch, id?: string): Chat {
  const server = openServer({ fetch, pauseMs })
  return openChat({ server, pauseMs, ...(id !== undefined && { id }) })
}

export const said = (text: string): UIMessage['parts'] => [{ type: 'text', text }]

/** The text of every entry, with its state: `user: Hi`, `user (queued): And?`. */
export const shown = ({ entries }: Chat): string[] =>
  entries.map(({ message, state, live, waiting }) => {
    const what = state ?? (live ? 'live' : waiting ? 'waiting' : undefined)
    return `${message.role}${what === undefined ? '' : ` (${what})`}: ${textOf(message)}`
  })

export const textOf = ({ parts }: UIMessage): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

/** Waits until the page shows these entries. */
export async function until(label: string, check: () => boolean): Promise<void> {
  await vi.waitFor(() => check() || Promise.reject(new Error(`${label}: not yet`)), {
    timeout: 30_000,
    interval: 5,
  })
}
