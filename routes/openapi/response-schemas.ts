/** The forms of the JSON that the routes return. */
import { z } from 'zod/v4'

import { errorStatus } from '../../src/ground/error.ts'
import { memberSchema } from '../session-members.ts'

export const time = z.number().describe('Milliseconds since 1970.')
export const count = z.number().int().min(0)

const error = z.object({
  error: z.object({ code: z.enum(Object.keys(errorStatus)), message: z.string() }),
})

const usage = z.object({
  inputTokens: count,
  outputTokens: count,
  totalTokens: count,
  cachedInputTokens: count,
  reasoningTokens: count,
})

export const spent = z.object({ usage, cost: z.object({ usd: z.number() }).optional() })

/** A message of `useChat`. Its parts depend on the profile, so their fields are open. */
const message = z
  .looseObject({
    id: z.string(),
    role: z.enum(['system', 'user', 'assistant']),
    parts: z.array(z.looseObject({ type: z.string() })),
  })
  .describe('A `UIMessage` of the AI SDK, in the form of the profile.')

const openCall = z.object({
  toolCallId: z.string(),
  toolName: z.string(),
  input: z.unknown(),
  approvalId: z.string().optional(),
})

export const session = z.object({
  id: z.string(),
  title: z.string().optional(),
  agent: z.string(),
  parentId: z.string().optional(),
  state: z.enum(['idle', 'running', 'waiting', 'unknown']),
  messageId: z.string().optional(),
  startedAt: time.optional(),
  waitsFor: z.array(openCall).optional(),
  queued: count,
  held: z.literal(true).optional(),
  error: z.string().optional(),
  createdAt: time,
  updatedAt: time,
  nextDueAt: time.optional(),
  spent: spent.optional(),
})

export const task = z.object({
  id: z.string(),
  parentId: z.string(),
  messageId: z.string(),
  toolCallId: z.string(),
  toolName: z.string(),
  agent: z.string(),
  depth: count,
  background: z.boolean(),
  title: z.string(),
  state: z.enum(['queued', 'running', 'waiting', 'finished', 'failed', 'stopped']),
  error: z.string().optional(),
  waitsFor: z.array(openCall).optional(),
  createdAt: time,
  spent: spent.optional(),
})

const schedule = z.object({
  id: z.string(),
  dueAt: time,
  occurrence: count,
  every: z.number().optional(),
  cron: z.string().optional(),
  timeZone: z.string().optional(),
  agent: z.string(),
  message: z.looseObject({ role: z.literal('user'), parts: z.array(z.unknown()) }),
  createdAt: time,
})

const answer = z.object({
  id: z.string(),
  message,
  text: z.string(),
  output: z.unknown().optional(),
  state: session.shape.state,
  error: z.string().optional(),
})

const accepted = z.object({
  id: z.string(),
  letterId: z.string(),
  messageId: z.string(),
  queued: z.boolean(),
})

const queuedLetter = z.object({
  id: z.string(),
  kind: z.enum(['message', 'answer']),
  message: message.optional(),
})

const branch = z.object({
  number: z.number().int(),
  at: z.string(),
  position: count,
  cutAtMs: time,
  messages: z.array(message),
})

const stopped = z.object({
  stopped: z.boolean(),
  withdrawn: z.literal(true).optional(),
  queued: count.optional(),
  tasks: count.optional(),
  held: z.boolean().optional(),
})

const listedAgent = z.object({
  name: z.string(),
  description: z.string().optional(),
  models: z.array(z.string()).optional(),
  default: z.boolean(),
})

const listedModel = z.looseObject({ id: z.string(), name: z.string(), configured: z.boolean() })

/** The schemas by their names in the document. */
export const responseSchemas = {
  Error: error,
  Usage: usage,
  Spent: spent,
  Message: message,
  OpenCall: openCall,
  Session: session,
  SessionPage: z.object({ sessions: z.array(session), before: z.number().optional() }),
  Task: task,
  Tasks: z.object({ tasks: z.array(task) }),
  Schedule: schedule,
  Schedules: z.object({ schedules: z.array(schedule) }),
  Answer: answer,
  Accepted: accepted,
  QueuedLetter: queuedLetter,
  Queue: z.object({ queue: z.array(queuedLetter), held: z.boolean() }),
  QueueRun: z.object({ running: z.boolean(), queued: count }),
  Withdrawn: z.object({ withdrawn: z.literal(true) }),
  Branch: branch,
  Branches: z.object({ branches: z.array(branch) }),
  Stopped: stopped,
  Members: z.object({ owner: z.string().optional(), members: z.array(memberSchema) }),
  Token: z.object({ token: z.string(), expiresAt: time }),
  Forked: z.object({ id: z.string() }),
  Prompt: z
    .looseObject({
      agent: z.string(),
      model: z.string(),
      prompt: z.array(z.looseObject({ role: z.string() })),
    })
    .describe('The options of the next model call, as a `LanguageModelV4` takes them.'),
  ListedAgent: listedAgent,
  Agents: z.object({ agents: z.array(listedAgent) }),
  ListedModel: listedModel,
  Models: z.object({
    default: z.string(),
    providers: z.array(z.string()),
    models: z.array(listedModel),
    total: count,
  }),
  Health: z.object({ status: z.enum(['ok', 'ready', 'full', 'draining', 'store-unavailable']) }),
} satisfies Record<string, z.ZodType>
