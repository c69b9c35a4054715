/**
 * The sessions of ada, with her secret in every kind of text: a finished answer, a branch, a task that waits for an
 * approval, a running answer, a queued message, a schedule, a fork.
 */
import { z } from 'zod'

import { agentTool, defineAgent, defineTool } from '../../../src/index.ts'
import { until } from '../../redis/until.ts'
import { scriptedModel } from '../../scripted-model.ts'
import { Gate, saysWhen } from '../../sessions/scripts.ts'
import { callTool, sayBy } from '../../tasks/models.ts'
import { jwtSecret, secretJwt } from '../access-server.ts'
import type { Ids } from './plans.ts'

export const secret = 'the-secret-of-ada'

export interface Ask {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}

export interface Reply {
  status: number
  text: string
}

/** The instances of one service. The first one begins everything of ada. */
export interface Instances extends AsyncDisposable {
  fetch: readonly ((path: string, init: RequestInit) => Response | Promise<Response>)[]
}

/** Sends a request with a bearer credential to an instance. */
export type Send = (credential: string, ask: Ask, instance?: number) => Promise<Reply>

export const settings = {
  LOOM_AGENT: 'lead',
  LOOM_JWT_SECRET: jwtSecret,
  LOOM_API_KEYS: 'acme:key-of-acme,other:key-of-other',
  LOOM_OPERATOR_KEYS: 'ops:key-of-the-operator',
  // The answer of `slow` stays open for all tests.
  LOOM_FIRST_CHUNK_MS: '3600000',
  LOOM_NEXT_CHUNK_MS: '3600000',
  LOOM_STEP_MS: '3600000',
}

export function agentsOfAda() {
  const double = defineTool({
    name: 'double',
    description: 'Doubles.',
    inputSchema: z.object({ value: z.number() }),
    needsApproval: true,
    execute: ({ value }) => value * 2,
  })
  const checker = defineAgent({
    name: 'checker',
    systemPrompt: `Check ${secret}.`,
    model: sayBy(({ results }) =>
      results.length > 0 ? `checked ${secret}` : callTool('double', { value: 4 }),
    ),
    tools: [double],
  })
  const lead = defineAgent({
    name: 'lead',
    systemPrompt: `Lead ${secret}.`,
    model: sayBy(({ prompt, results }) =>
      prompt.includes('check') && results.length === 0
        ? callTool('checker', { prompt: `${secret}: check` })
        : `Done with ${secret}.`,
    ),
    tools: [agentTool(checker)],
  })
  const gate = new Gate('the answer that stays open')
  const slow = defineAgent({
    name: 'slow',
    systemPrompt: 'Be slow.',
    model: scriptedModel(saysWhen(gate, `It is ${secret}. `, 'End.')),
  })
  return { lead, slow, gate }
}

export const sendTo =
  ({ fetch }: Instances): Send =>
  async (credential, { method, path, body, headers: more }, instance = 0) => {
    const headers = {
      host: 'localhost',
      accept: path.includes('/stream') ? 'text/event-stream' : 'application/json',
      authorization: `Bearer ${credential}`,
      // The posts to `slow` do not wait for its answer.
      ...(path === '/api/chat' && isForSlow(body) && { prefer: 'respond-async' }),
      ...more,
    }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch[instance]?.(path, init)
    if (response === undefined) throw new Error(`there is no instance ${instance}`)
    return { status: response.status, text: await response.text() }
  }

const isForSlow = (body: unknown) =>
  typeof body === 'object' && body !== null && 'id' in body && body.id === 'busy'

export const credentialOfAda = (): Promise<string> =>
  secretJwt({ sub: 'ada', tenant: 'acme', scope: 'chat' })

/** Begins the sessions, and returns their ids. */
export async function beginSessions(send: Send, gate: Gate): Promise<Ids> {
  const ada = await credentialOfAda()
  const post = (path: string, body: unknown) => send(ada, { method: 'POST', path, body })
  const read = async (path: string) => {
    const { text } = await send(ada, { method: 'GET', path: `/api/chat${path}` })
    return JSON.parse(text)
  }
  const replies = [
    await post('/api/chat', { id: 's', message: `I know ${secret}` }),
    await post('/api/chat', { id: 's', trigger: 'regenerate-message' }),
    await post('/api/chat', { id: 's', message: `check ${secret}` }),
    await post('/api/chat', { id: 'busy', agent: 'slow', message: `Say ${secret}` }),
  ]
  await gate.reached()
  const queued = { id: 'm-queued', role: 'user', parts: [{ type: 'text', text: secret }] }
  replies.push(
    await post('/api/chat', { id: 'busy', message: queued }),
    await post('/api/chat/s/schedules', { id: 'sch', message: secret, after: 1e9 }),
    await post('/api/chat/s/fork', { id: 'copy' }),
  )
  const refused = replies.filter(({ status }) => status >= 300)
  if (refused.length > 0) throw new Error(JSON.stringify(refused))
  await until(10_000, 'the task waits', async () =>
    JSON.stringify(await read('/s/tasks')).includes('approvalId'),
  )
  const { tasks } = await read('/s/tasks')
  const { waitsFor } = await read(`/${tasks[0].id}`)
  const sessions: string[] = ['s', tasks[0].id, 'busy', 'copy']
  const answers = await Promise.all(
    sessions.map(async (id) => {
      // A copy has had no answer of its own.
      const { messageId } = await read(`/${id}`)
      return [id, messageId ?? (await read(`/${id}/messages`)).at(-1).id]
    }),
  )
  return {
    sessions,
    answers: Object.fromEntries(answers),
    toolCallId: waitsFor[0].toolCallId,
    approvalId: waitsFor[0].approvalId,
    messageId: 'm-queued',
    scheduleId: 'sch',
  }
}

/** What ada sees of her sessions. */
export async function stateOfAda(send: Send, ids: Ids, instance = 0): Promise<Reply[]> {
  const ada = await credentialOfAda()
  const looks = ['', '/messages', '/queue', '/schedules', '/branches', '/tasks', '/members']
  const paths = ids.sessions.flatMap((id) => looks.map((look) => `/api/chat/${id}${look}`))
  return Promise.all(
    [...paths, '/api/chat'].map((path) => send(ada, { method: 'GET', path }, instance)),
  )
}
