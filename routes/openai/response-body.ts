/** The body of `POST /v1/responses`: the settings of an answer. `response-input.ts` reads the input. */
import { z } from 'zod/v4'

import type { AnswerSettings } from '../../src/answer-settings.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isSessionId } from '../../src/wire/conversation.ts'
import { asJson, askedTool, hasEntries, jsonSchema, toolName } from './completion-body.ts'

const tool = z.looseObject({
  type: z.literal(
    'function',
    'Loom takes tools of the type "function". The agent has tools of its own',
  ),
  name: toolName,
  description: z.string().nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
})

const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.looseObject({ type: z.literal('function'), name: z.string() }),
  ],
  'Loom takes "none", "auto", "required", or a function by its name',
)

const textFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().optional(),
    schema: jsonSchema.nullish(),
  }),
])

const sessionName = z.string().refine(isSessionId, 'must be the id of a session')

/** The fields that Loom uses or refuses. It ignores every other one, as OpenAI-compatible servers do. */
export const responseBody = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(z.unknown())], 'must be a text or a list of items'),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  background: z.boolean().nullish(),
  store: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z.union([sessionName, z.looseObject({ id: sessionName })]).nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: textFormat.nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  top_logprobs: z.literal(0, 'Loom has no log probabilities: top_logprobs must be 0').nullish(),
  max_tool_calls: z.null('Loom has no limit for the calls of one answer').optional(),
  prompt: z.null('Loom has no stored prompts: the agent has instructions').optional(),
  context_management: z.null('the agent decides when Loom compacts a conversation').optional(),
  moderation: z.null('Loom has no moderation of its own').optional(),
})

export type ResponseBody = z.infer<typeof responseBody>

/** @throws LoomError `invalid-request` that names the field */
export function readResponseBody(body: unknown): ResponseBody {
  const result = responseBody.safeParse(body)
  if (!result.success) throw new LoomError('invalid-request', issueOf(result.error))
  return result.data
}

/** The first issue in one line. It begins with the field in the form of OpenAI, such as `tools[0].type`. */
function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path ?? []
  const where = path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    '',
  )
  return `${where === '' ? 'The body' : where.slice(1)}: ${issue?.message ?? 'not valid'}.`
}

/**
 * Checks the fields that decide where the answer is stored.
 * @param named the session that the request names
 * @throws LoomError `invalid-request` for fields that contradict each other
 */
export function checkPlace(body: ResponseBody, named: string | undefined): void {
  if (body.background === true && body.store === false) {
    throw new LoomError('invalid-request', 'background: a background response must be stored.')
  }
  if (named === undefined) return
  if (typeof body.previous_response_id === 'string' && conversationIn(body) !== undefined) {
    throw new LoomError(
      'invalid-request',
      'previous_response_id: the request also names a conversation. Send one of the two.',
    )
  }
  if (body.store === false) {
    throw new LoomError('invalid-request', 'store: an answer in a conversation is stored.')
  }
}

/** Returns the settings of the answer. Undefined if the request has none. */
export function askedIn(
  body: ResponseBody,
  instructions: string | undefined,
): AnswerSettings | undefined {
  const { tools, temperature, top_p: topP, max_output_tokens: maxOutputTokens } = body
  const texts = [body.instructions, instructions].filter((text) => typeof text === 'string')
  const choice = body.tool_choice
  const output = outputIn(body)
  const asked: AnswerSettings = {
    ...(texts.length > 0 && { instructions: texts.join('\n\n') }),
    ...(hasEntries(tools) && { tools: tools.map(askedTool) }),
    ...(choice !== undefined &&
      choice !== null && {
        toolChoice:
          typeof choice === 'string' ? choice : { type: 'tool' as const, toolName: choice.name },
      }),
    ...(output !== undefined && { output }),
    ...(typeof temperature === 'number' && { temperature }),
    ...(typeof maxOutputTokens === 'number' && { maxOutputTokens }),
    ...(typeof topP === 'number' && { sampling: { topP } }),
  }
  return Object.keys(asked).length === 0 ? undefined : asked
}

/** Returns the JSON schema of the answer. `json_object` is any object. */
function outputIn({ text }: ResponseBody): AnswerSettings['output'] {
  const format = text?.format
  if (format?.type === 'json_object') return { type: 'object' }
  return format?.type === 'json_schema' ? asJson(format.schema ?? {}) : undefined
}

/** Whether the answer has a schema. */
export const isStructured = ({ text }: ResponseBody): boolean =>
  text?.format?.type === 'json_object' || text?.format?.type === 'json_schema'

/** The id of the conversation that the request names. Undefined if it names none. */
export function conversationIn({ conversation }: ResponseBody): string | undefined {
  if (conversation === undefined || conversation === null) return undefined
  return typeof conversation === 'string' ? conversation : conversation.id
}
