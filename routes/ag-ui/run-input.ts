/**
 * The body of `POST /ag-ui/:agent`: AG-UI's `RunAgentInput`. A field or a message of a kind that the protocol does not have
 * is ignored, and a known field with a wrong value is refused, as AG-UI asks ("Processing Model").
 */
import type { JSONObject } from '@ai-sdk/provider'
import { z } from 'zod/v4'

import type { AnswerSettings } from '../../src/answer-settings.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isFields } from '../../src/ground/fields.ts'
import { isJsonObject } from '../../src/ground/json.ts'
import { isName } from '../../src/ground/name.ts'
import { idLengthMax, isId } from '../../src/wire/conversation/ids.ts'
import { bodyLimits, tooLarge } from '../body-limits.ts'
import { contextSchema, issueIn, sessionIdSchema } from '../chat-request.ts'
import { readRunMessages, type RunMessages } from './run-messages.ts'

const runId = z.string().min(1).refine(isId, `must be Unicode, at most ${idLengthMax} long`)

const tool = z.looseObject({
  name: z.string().refine(isName, 'must be 1 to 64 letters, digits, "_" or "-"'),
  description: z.string().optional(),
  parameters: z.custom<Record<string, unknown>>(isFields, 'expected a JSON schema').optional(),
})

const resumeEntry = z.looseObject({
  interruptId: z.string(),
  status: z.enum(['resolved', 'cancelled']),
  payload: z.unknown().optional(),
})

export type ResumeEntry = z.infer<typeof resumeEntry>

export const runInput = z.looseObject({
  threadId: sessionIdSchema.refine((id) => id !== '', 'must not be empty'),
  runId,
  parentRunId: z.string().optional(),
  messages: z.array(z.unknown()).max(bodyLimits.messages),
  tools: z.array(tool).max(128).optional(),
  context: z.array(z.looseObject({ description: z.string(), value: z.string() })).optional(),
  state: z.unknown().optional(),
  forwardedProps: z.unknown().optional(),
  resume: z.array(resumeEntry).max(1000).optional(),
})

export interface RunInput extends RunMessages {
  threadId: string
  runId: string
  parentRunId: string | undefined
  resume: readonly ResumeEntry[]
  /** The settings of the answer. Undefined if the client has none. */
  asked: AnswerSettings | undefined
  /** The context for the callbacks of the agent. Undefined keeps that of the session. */
  context: JSONObject | undefined
}

/** @throws LoomError `invalid-request` that names the field; `payload-too-large` */
export function readRunInput(body: unknown): RunInput {
  const result = runInput.safeParse(body)
  if (!result.success) throw new LoomError('invalid-request', issueIn(result.error))
  const { threadId, parentRunId, messages, resume = [], ...rest } = result.data
  const read = readRunMessages(messages)
  return {
    ...read,
    threadId,
    runId: rest.runId,
    parentRunId,
    resume,
    asked: askedIn(rest, read),
    context: contextIn(rest),
  }
}

type Settings = Pick<z.infer<typeof runInput>, 'tools' | 'context' | 'state' | 'forwardedProps'>

function askedIn(
  { tools = [], context = [] }: Settings,
  { kept }: RunMessages,
): AnswerSettings | undefined {
  const instructions = [
    ...kept.map(({ content }) => content),
    ...context.map(({ description, value }) => `${description}:\n${value}`),
  ].filter((text) => text !== '')
  if (tools.length === 0 && instructions.length === 0) return undefined
  return {
    ...(instructions.length > 0 && { instructions: instructions.join('\n\n') }),
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, parameters }) => ({
        name,
        ...(description !== undefined && { description }),
        inputSchema: { type: 'object', properties: {}, ...parameters },
      })),
    }),
  }
}

/**
 * `forwardedProps` is the context of the callbacks of the agent, and `state` is a field of it. A client sends both as empty objects
 * if it has none.
 */
function contextIn({ forwardedProps, state }: Settings): JSONObject | undefined {
  const props = isFields(forwardedProps) ? forwardedProps : {}
  const hasState = state !== undefined && state !== null && !isEmpty(state)
  if (isEmpty(props) && !hasState) return undefined
  const result = contextSchema.safeParse({ ...props, ...(hasState && { state }) })
  if (!result.success || !isJsonObject(result.data)) {
    throw new LoomError('invalid-request', 'forwardedProps must be an object of JSON values.')
  }
  if (JSON.stringify(result.data).length > bodyLimits.fieldBytes) {
    throw tooLarge('forwardedProps with state', bodyLimits.fieldBytes)
  }
  return result.data
}

const isEmpty = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0
