/**
 * `POST /api/chat`, the address that `useChat` posts to. There are no sessions yet: the client holds
 * the history and posts all of it each time.
 */
import { randomUUID } from 'node:crypto'

import type { Context, Hono } from 'hono'

import { fieldOf } from '../src/conversation/fields.ts'
import { streamAgent } from '../src/stream-agent.ts'
import { readJson } from './body.ts'
import { type ChatRequest, postedMessages, readRequest } from './chat-request.ts'
import { onlyMethods } from './methods.ts'
import type { World } from './world.ts'

export function chatRoutes(app: Hono, world: World): void {
  for (const path of ['/api/chat', '/api/agents/:agent/chat']) {
    app.post(path, (c) => answer(c, world))
    onlyMethods(app, path, 'POST')
  }
}

async function answer(c: Context, world: World): Promise<Response> {
  const request = readRequest(await readJson(c))
  const { config, models, report } = world
  const agent = world.agentOf(c.req.param('agent') ?? request.agent ?? config.agent)
  const { messages, messageId } = turnIn(request)
  return streamAgent(c, agent, messages, {
    models,
    defaultModel: config.model,
    limits: config.limits,
    keepAliveMs: config.keepAliveMs,
    onError: report,
    ...(request.context !== undefined && { context: request.context }),
    ...(messageId !== undefined && { messageId }),
  })
}

interface PostedTurn {
  messages: readonly unknown[]
  /** The message that the answer is to be part of; undefined leaves it to the end of the history. */
  messageId?: string
}

function turnIn(request: ChatRequest): PostedTurn {
  const { trigger, messageId } = request
  const messages = postedMessages(request)
  // The old answer is gone from the client; under its id the new one might be appended to another.
  if (trigger === 'regenerate-message') return { messages, messageId: randomUUID() }
  if (messageId === undefined) return { messages }
  const continued = messages.findIndex(
    (message) => fieldOf(message, 'id') === messageId && fieldOf(message, 'role') === 'assistant',
  )
  if (continued === -1) return { messages }
  // Newer clients also go on with an answer that is not the last, after a late approval. What came
  // after it is not what it answers, and would hide the decision.
  return { messages: messages.slice(0, continued + 1), messageId }
}
