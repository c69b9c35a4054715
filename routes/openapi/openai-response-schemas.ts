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

export const openAiResponseSchemas = {
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
