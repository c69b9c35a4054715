/** The body of `POST /v1/chat/completions`: the settings of an answer. `completion-messages.ts` reads the messages. */
import { z } from 'zod/v4'

import type { AnswerSettings, AskedTool } from '../../src/answer-settings.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isFields } from '../../src/ground/fields.ts'
import { isName } from '../../src/ground/name.ts'
import type { ToolChoice } from '../../src/step-preparation.ts'
import { issueIn } from '../chat-request.ts'

export const jsonSchema = z.custom<Record<string, unknown>>(isFields, 'expected a JSON schema')

export const toolName = z.string().refine(isName, 'must be 1 to 64 letters, digits, "_" or "-"')

const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: toolName,
    description: z.string().nullish(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  }),
})

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
])

const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({ name: z.string().optional(), schema: jsonSchema.nullish() }),
  }),
])

/** The fields that Loom uses. It ignores every other one, as OpenAI-compatible servers do. */
export const completionBody = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.unknown()).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: toolChoice.nullish(),
  response_format: responseFormat.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  seed: z.int().nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  n: z.literal(1, 'Loom makes one answer: n must be 1').nullish(),
  logprobs: z.literal(false, 'Loom has no log probabilities: logprobs must be false').nullish(),
  functions: z.undefined('the older functions are not supported: use tools').optional(),
  function_call: z.undefined('the older functions are not supported: use tool_choice').optional(),
  audio: z.null('Loom returns no audio').optional(),
  modalities: z.array(z.literal('text', 'Loom returns text only')).nullish(),
})

export type CompletionBody = z.infer<typeof completionBody>

/** @throws LoomError `invalid-request` that names the field */
export function readCompletionBody(body: unknown): CompletionBody {
  const result = completionBody.safeParse(body)
  if (result.success) return result.data
  throw new LoomError('invalid-request', issueIn(result.error))
}

/** Returns the settings of the answer. Undefined if the request has none. */
export function askedIn(
  body: CompletionBody,
  instructions: string | undefined,
): AnswerSettings | undefined {
  const { tools, temperature } = body
  const choice = choiceIn(body)
  const output = outputIn(body)
  const maxOutputTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined
  const sampling = samplingIn(body)
  const asked: AnswerSettings = {
    ...(instructions !== undefined && { instructions }),
    ...(hasEntries(tools) && { tools: tools.map((each) => askedTool(each.function)) }),
    ...(choice !== undefined && { toolChoice: choice }),
    ...(output !== undefined && { output }),
    ...(typeof temperature === 'number' && { temperature }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  }
  return Object.keys(asked).length === 0 ? undefined : asked
}

export const hasEntries = <ENTRY>(list: ENTRY[] | null | undefined): list is ENTRY[] =>
  list !== undefined && list !== null && list.length > 0

/** A function of the client, as both APIs of OpenAI describe it. */
interface PostedFunction {
  name: string
  description?: string | null | undefined
  parameters?: Record<string, unknown> | null | undefined
  strict?: boolean | null | undefined
}

export function askedTool({ name, description, parameters, strict }: PostedFunction): AskedTool {
  return {
    name,
    ...(typeof description === 'string' && { description }),
    inputSchema: { type: 'object', properties: {}, ...parameters },
    ...(typeof strict === 'boolean' && { strict }),
  }
}

function choiceIn({ tool_choice: choice }: CompletionBody): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined
  return typeof choice === 'string' ? choice : { type: 'tool', toolName: choice.function.name }
}

/** Returns the JSON schema of the answer. `json_object` is any object. */
function outputIn({ response_format: format }: CompletionBody): AnswerSettings['output'] {
  if (format?.type === 'json_object') return { type: 'object' }
  return format?.type === 'json_schema' ? asJson(format.json_schema.schema ?? {}) : undefined
}

// The body is parsed JSON, which its type does not express.
export function asJson(schema: object): NonNullable<AnswerSettings['output']>
export function asJson(schema: object): object {
  return schema
}

function samplingIn(body: CompletionBody): NonNullable<AnswerSettings['sampling']> {
  const { top_p: topP, frequency_penalty, presence_penalty, stop, seed } = body
  return {
    ...(typeof topP === 'number' && { topP }),
    ...(typeof frequency_penalty === 'number' && { frequencyPenalty: frequency_penalty }),
    ...(typeof presence_penalty === 'number' && { presencePenalty: presence_penalty }),
    ...(stop !== undefined && stop !== null && { stopSequences: [stop].flat() }),
    ...(typeof seed === 'number' && { seed }),
  }
}
