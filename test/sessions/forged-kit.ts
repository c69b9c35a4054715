/**
 * A client that posts forged requests to a server with either store, and an owner that checks whether
 * anything has changed.
 */
import { randomUUID } from 'node:crypto'

import { expect } from 'vitest'

import { calls, says } from '../scripted-model.ts'
import { openHolds } from './holds.ts'
import { type RichAgent, richAgent } from './rich-agent.ts'
import { openServed, type Served } from './served.ts'

export interface ForgedStage extends AsyncDisposable {
  server: Served
  rich: RichAgent
  /** A caller, by the name in its key if there are keys. */
  as(name?: string): Caller
}

export interface Said {
  status: number
  text: string
}

export interface Caller {
  send(method: string, path: string, body?: unknown, headers?: object): Promise<Said>
  /** Posts to `/api/chat`, and waits for the end of the answer. */
  post(body: unknown, headers?: object): Promise<Said>
  /** Everything that is visible of a session. */
  look(sessionId: string): Promise<unknown>
}

/** The reply of the model to "Ask.": a client-side call, a call that needs approval, and one that runs. */
const asks = [
  calls(
    ['ask', { question: 'Where?' }, 'call-a'],
    ['remove', { path: '/a' }, 'call-x'],
    ['weather', { city: 'Oslo' }, 'call-w'],
  ),
  says('So be it.'),
]

const looksUp = [calls(['weather', { city: 'Oslo' }, 'call-w']), says('It is mild.')]

export async function openForgedStage(
  environment: Record<string, string> = {},
): Promise<ForgedStage> {
  const holds = openHolds()
  const hold = holds.at({ asked: 'Hold on.', reply: 0, part: 0 })
  const replies = (asked: string) =>
    asked === 'Ask.' ? asks : asked === 'Look.' ? looksUp : [says(`You said: ${asked}`)]
  const rich = richAgent(replies, holds.before)
  const server = await openServed([rich.agent], environment)
  return {
    server,
    rich,
    as: (name) =>
      callerOf(server.url, name === undefined ? {} : { authorization: `Bearer key-of-${name}` }),
    async [Symbol.asyncDispose]() {
      hold.open()
      await server[Symbol.asyncDispose]()
    },
  }
}

function callerOf(url: string, authorization: object): Caller {
  const send: Caller['send'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: { ...authorization, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.status, text: await response.text() }
  }
  const read = async (path: string): Promise<unknown> => {
    const { status, text } = await send('GET', path)
    expect(status, text).toBe(200)
    return JSON.parse(text)
  }
  return {
    send,
    post: (body, headers) => send('POST', '/api/chat', body, headers),
    async look(sessionId) {
      const path = `/api/chat/${encodeURIComponent(sessionId)}`
      const looks = ['', '/messages', '/prompt', '/queue'].map((what) => read(path + what))
      const { sessions }: { sessions: { id: string }[] } = JSON.parse(
        (await send('GET', '/api/chat?limit=200')).text,
      )
      return {
        looks: await Promise.all(looks),
        listed: sessions.find(({ id }) => id === sessionId),
      }
    },
  }
}

export const saying = (text: string, id: string = randomUUID()) => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text }],
})
