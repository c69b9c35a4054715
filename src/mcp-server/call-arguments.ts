/** The arguments of a tool that is an agent. The descriptions are for the model of the client. */
import type { JSONObject } from '@ai-sdk/provider'
import { z } from 'zod/v4'

import { LoomError } from '../ground/error.ts'
import { isJsonObject, toJson } from '../ground/json.ts'
import { isId } from '../wire/conversation.ts'

const file = z.strictObject({
  url: z.string().min(1).describe('A data: URL, or a public address'),
  mediaType: z.string().min(1).describe('Such as image/png'),
  filename: z.string().optional(),
})

const callArguments = z.strictObject({
  message: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The message to the agent. Leave it out to get the answer that a session makes now, or its last one',
    ),
  session: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The session of an earlier result, to continue that conversation. Leave it out to begin a new one',
    ),
  messageId: z
    .string()
    .min(1)
    .refine(isId, 'is too long')
    .optional()
    .describe(
      'An id of your choice for this message. If a call ends without a result, the same call with the same id gets the same answer',
    ),
  answers: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Answers to the questions of a session that waits, by their ids'),
  context: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Values for the agent, if it asks for some'),
  files: z.array(file).max(20).optional().describe('Files for the agent, such as images'),
})

export type CallArguments = Omit<z.infer<typeof callArguments>, 'context'> & {
  context?: JSONObject | undefined
}

/** The JSON schema of the arguments. It is the same for each agent. */
export const argumentsSchema: Record<string, unknown> & { type: 'object' } = {
  ...z.toJSONSchema(callArguments, { target: 'draft-7' }),
  type: 'object',
}

/** @throws LoomError `invalid-request` that names the argument */
export function readArguments(given: unknown): CallArguments {
  const result = callArguments.safeParse(given ?? {})
  if (!result.success) throw new LoomError('invalid-request', issueOf(result.error))
  const { context, ...rest } = result.data
  if (context === undefined) return rest
  const json = toJson(context)
  if (!isJsonObject(json)) throw new LoomError('invalid-request', 'context must be an object.')
  return { ...rest, context: json }
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return 'The arguments are not valid.'
  const where = issue.path.length === 0 ? 'The arguments' : issue.path.join('.')
  return `${where}: ${issue.message}.`
}
