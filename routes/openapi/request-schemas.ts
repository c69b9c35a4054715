/** The forms of the posted bodies: the schemas that check them. */
import { z } from 'zod/v4'

import { eraseBody } from '../admin-handlers.ts'
import { runInput } from '../ag-ui/run-input.ts'
import { chatRequest } from '../chat-request.ts'
import { completionBody } from '../openai/completion-body.ts'
import { responseBody } from '../openai/response-body.ts'
import { decision, toolAnswer } from '../session-answers.ts'
import { forkBody } from '../session-fork.ts'
import { membersBody } from '../session-members.ts'
import { stopBody } from '../session-queue.ts'
import { scheduleBody } from '../session-schedules.ts'
import { tokenBody } from '../token-body.ts'
import { mcpRequestSchemas } from './mcp-schemas.ts'

const delayMaxMs = 3660 * 24 * 60 * 60 * 1000

/** The time of a schedule, which `src/session/schedule-time.ts` checks. A test compares both. */
const timeShape = {
  at: z
    .union([
      z.string().meta({
        pattern: String.raw`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d.*([Zz]|[+-]\d\d:?\d\d)$`,
        examples: ['2027-01-31T09:00:00Z'],
      }),
      z.number(),
    ])
    .describe('A time in ISO 8601 with a time zone, or milliseconds since 1970.')
    .optional(),
  after: z.number().min(0).max(delayMaxMs).describe('Milliseconds from now.').optional(),
  every: z
    .number()
    .min(1000)
    .max(delayMaxMs)
    .describe('Milliseconds between two messages.')
    .optional(),
  cron: z
    .string()
    .describe('Minute, hour, day of the month, month, day of the week.')
    .meta({ pattern: String.raw`^\s*(\S+\s+){4}\S+\s*$`, examples: ['0 9 * * 1'] })
    .optional(),
  timeZone: z
    .string()
    .describe('The time zone of `cron`.')
    .meta({ examples: ['Europe/Berlin'] })
    .optional(),
}

const oneTime = {
  oneOf: ['at', 'after', 'every', 'cron'].map((name) => ({ required: [name] })),
  dependentRequired: { timeZone: ['cron'] },
}

/** The schemas by their names in the document. */
export const requestSchemas = {
  ChatPost: chatRequest.omit({ isAnswered: true }).meta({
    anyOf: [
      { required: ['message'] },
      { required: ['messages'] },
      { required: ['trigger'], properties: { trigger: { const: 'regenerate-message' } } },
    ],
  }),
  NewToken: tokenBody,
  Fork: forkBody,
  NewMembers: membersBody,
  Stop: stopBody,
  NewSchedule: z.object({ ...scheduleBody.shape, ...timeShape }).meta(oneTime),
  ToolAnswer: toolAnswer,
  Decision: decision,
  ChatCompletionRequest: completionBody,
  ...mcpRequestSchemas,
  RunAgentInput: runInput,
  ResponseRequest: responseBody,
  Erase: eraseBody.meta({ oneOf: [{ required: ['subject'] }, { required: ['tenant'] }] }),
} satisfies Record<string, z.ZodType>
