/** The forms of the JSON that the routes of OpenAI's API return. */
import { z } from 'zod/v4'

const count = z.int().min(0)

const call = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
})

const model = z.object({
  id: z.string().describe('The name of the agent.'),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.literal('loom'),
})

/** An item in the form of OpenAI's API, which has many types of them. `src/wire/frames/response-items.ts` has Loom's. */
const itemOf = (...types: [string, ...string[]]) =>
  z.looseObject({ id: z.string(), type: z.enum(types) })

/** The fields that clients read first. The others are the settings of the request, as in OpenAI's API. */
const response = z.looseObject({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int().describe('In seconds since 1970.'),
  status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  background: z.boolean(),
  error: z.looseObject({ message: z.string() }).nullable(),
  incomplete_details: z.looseObject({ reason: z.string() }).nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  previous_response_id: z.string().nullable(),
  conversation: z.object({ id: z.string() }).nullable(),
  model: z.string().describe('The name of the agent.'),
  output: z.array(itemOf('message', 'reasoning', 'function_call', 'mcp_call')),
  usage: z
    .looseObject({ input_tokens: count, output_tokens: count, total_tokens: count })
    .optional(),
})

export const openAiResponseSchemas = {
  Response: response,
  DeletedResponse: z.object({
    id: z.string(),
    object: z.literal('response'),
    deleted: z.literal(true),
  }),
  InputItems: z.object({
    object: z.literal('list'),
    data: z.array(itemOf('message', 'function_call_output')),
    first_id: z.string(),
    last_id: z.string(),
    has_more: z.boolean(),
  }),
  ChatCompletion: z.object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.literal(0),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(call).optional(),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(['stop', 'length', 'content_filter', 'tool_calls']),
      }),
    ),
    usage: z
      .object({
        prompt_tokens: count,
        completion_tokens: count,
        total_tokens: count,
        prompt_tokens_details: z.object({ cached_tokens: count }),
        completion_tokens_details: z.object({ reasoning_tokens: count }),
      })
      .optional(),
  }),
  OpenAiModel: model,
  OpenAiModels: z.object({ object: z.literal('list'), data: z.array(model) }),
  OpenAiError: z.object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  }),
} satisfies Record<string, z.ZodType>
