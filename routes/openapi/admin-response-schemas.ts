/** The forms of the JSON that the routes of admins and operators return. */
import { z } from 'zod/v4'

import { memberSchema } from '../session-members.ts'
import { count, session, spent, task, time } from './response-schemas.ts'

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
    'expire',
  ]),
  by: z.object({
    subject: z.string().optional(),
    operator: z.string().optional(),
    session: z.string().optional().describe('The only session of the credential.'),
  }),
  sessionId: z.string().optional(),
  subject: z.string().optional(),
  subjectDigest: z.string().optional().describe('The SHA-256 of the name of an erased subject.'),
  approvalId: z.string().optional(),
  instance: z.string().optional(),
  agent: z.string().optional().describe('The agent whose retention was over.'),
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
  bytes: count.describe('The size of the messages and files, without those of tasks.'),
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
  counters: z.record(z.string(), count).describe('The counters of limits by their kind.'),
  memberships: count,
  left: count.describe('What a last look found again.'),
  complete: z.boolean().describe('Whether nothing is left.'),
  sessionDigests: z.array(z.string()).describe('The SHA-256 of the id of each session.'),
})

/** The schemas by their names in the document. */
export const adminResponseSchemas = {
  Inspection: inspection,
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
} satisfies Record<string, z.ZodType>
