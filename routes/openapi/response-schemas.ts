/** The forms of the JSON that the routes return. */
import { z } from 'zod/v4'

import { errorStatus } from '../../src/ground/error.ts'
import { memberSchema } from '../session-members.ts'

const time = z.number().describe('Milliseconds since 1970.')
const count = z.number().int().min(0)

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

const spent = z.object({ usage, cost: z.object({ usd: z.number() }).optional() })

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

const session = z.object({
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

const auditEvent = z.object({
  id: z.string(),
  at: time,
  action: z.enum([
    'approve',
    'deny',
    'stop',
    'delete',
    'members',
    'token',
    'export',
    'erase',
    'drain',
  ]),
  by: z.object({ subject: z.string().optional(), operator: z.string().optional() }),
  sessionId: z.string().optional(),
  subject: z.string().optional(),
  subjectDigest: z.string().optional().describe('The SHA-256 of the name of an erased subject.'),
  approvalId: z.string().optional(),
  instance: z.string().optional(),
})

const instance = z.object({
  id: z.string(),
  version: z.string(),
  alive: z.boolean(),
  since: time,
  turns: count,
  readers: count,
  draining: z.boolean(),
})

const governedSession = session.extend({
  subject: z.string().optional(),
  members: z.array(memberSchema),
})

const task = z.object({
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

const inspection = z
  .object({
    session: session.omit({ title: true, waitsFor: true }),
    subject: z.string().optional(),
    inspectedBy: z.string(),
    turn: z
      .object({
        owner: z.string(),
        ownerState: z.enum(['alive', 'dead', 'none']),
        claim: time,
        messageId: z.string(),
        letterId: z.string(),
        startedAt: time,
        takeovers: z.array(z.object({ at: time, from: z.string() })),
        profile: z.string().optional(),
        stop: z.string().optional(),
      })
      .optional(),
    log: z
      .object({
        first: z.string(),
        last: z.string(),
        entries: count,
        events: count,
        size: count,
        finished: z.boolean(),
        isCut: z.literal(true).optional(),
        claims: z.array(z.object({ claim: time, entries: count })),
      })
      .optional(),
    calls: z.array(
      z.object({
        toolCallId: z.string(),
        toolName: z.string(),
        state: z.enum(['open', 'approval', 'done', 'failed', 'denied']),
        steps: count,
        claim: time,
      }),
    ),
    queue: z.object({
      queued: count,
      held: z.boolean(),
      letters: z.array(
        z.object({
          id: z.string(),
          kind: z.enum(['message', 'answer']),
          agent: z.string(),
          subject: z.string().optional(),
          postedAt: time.optional(),
        }),
      ),
    }),
    tasks: z.array(task.omit({ title: true, waitsFor: true })),
    hasMoreTasks: z.literal(true).optional(),
    spent: z.object({ finished: spent.optional(), unfinished: spent.optional() }),
  })
  .describe('The inner state of a session. It has no text of a message.')

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

const dataOwner = z.object({ tenant: z.string(), subject: z.string().optional() })

const certificate = z.object({
  erased: dataOwner,
  by: z.union([dataOwner, z.object({ operator: z.string() })]),
  beganAt: z.string(),
  endedAt: z.string(),
  sessions: count,
  tasks: count,
  messages: count,
  keys: count,
  memberships: count,
  left: count.describe('What a last look found again.'),
  complete: z.boolean().describe('Whether nothing is left.'),
  sessionDigests: z.array(z.string()).describe('The SHA-256 of the id of each session.'),
})

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
  Inspection: inspection,
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
  AdminSession: governedSession.extend({ tasks: z.array(task) }),
  AdminSessions: z.object({
    tenant: z.string().optional().describe('Absent in a list over all tenants.'),
    sessions: z.array(
      governedSession.extend({
        tenant: z.string().optional().describe('Only in a list over all tenants.'),
      }),
    ),
    before: z.number().optional(),
    next: z.string().optional().describe('The next page of a list over all tenants.'),
  }),
  Audit: z.object({
    tenant: z.string(),
    events: z.array(auditEvent),
    before: z.string().optional(),
  }),
  Certificate: certificate,
  Instance: instance,
  Instances: z.object({
    self: z.string().describe('The instance that answers.'),
    instances: z.array(instance),
  }),
  Health: z.object({ status: z.enum(['ok', 'ready', 'full', 'draining', 'store-unavailable']) }),
} satisfies Record<string, z.ZodType>
