/** Refusals of a prompt that is too long. Each wording is a provider's own, with its source. */
import { describe, expect, test } from 'vitest'

import { answerRoom, isOverflow, overflowLimit } from '../../src/model/overflow.ts'
import { refusingModel } from './refusing-model.ts'

/** The list of provider errors that the maintainers of pi (an agent for the terminal) keep. */
const pi = 'github.com/earendil-works/pi: packages/ai/src/utils/overflow.ts'

interface Wording {
  provider: string
  text: string
  source: string
  /** The window in tokens in the text. */
  limit?: number
}

const overflows: Wording[] = [
  {
    provider: 'OpenAI',
    text: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
    source: 'github.com/langchain-ai/langchain/issues/24058',
    limit: 8192,
  },
  {
    provider: 'OpenAI, Responses',
    text: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
    source: pi,
  },
  {
    provider: 'Azure, by its code',
    text: '{"error":{"code":"context_length_exceeded"}}',
    source: 'learn.microsoft.com/azure/ai-services/openai/reference',
  },
  {
    provider: 'Anthropic',
    text: 'prompt is too long: 213462 tokens > 200000 maximum',
    source: pi,
    limit: 200_000,
  },
  {
    provider: 'Anthropic, by bytes',
    text: '{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}',
    source: pi,
  },
  {
    provider: 'Google',
    text: 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
    source: pi,
    limit: 1_048_575,
  },
  {
    provider: 'LiteLLM',
    text: "Requested token count exceeds the model's maximum context length of 131072 tokens.",
    source: pi,
    limit: 131_072,
  },
  {
    provider: 'LiteLLM, by the name of its error',
    text: 'litellm.ContextWindowExceededError: AnthropicError - the prompt does not fit',
    source: 'github.com/BerriAI/litellm: litellm/exceptions.py',
  },
  {
    provider: 'OpenAI, by characters',
    text: "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760, but got a string with length 11000000 instead.",
    source: 'platform.openai.com/docs/api-reference',
  },
  {
    provider: 'a server around transformers',
    text: 'Token indices sequence length is longer than the specified maximum sequence length for this model (9000 > 8192)',
    source: 'github.com/huggingface/transformers: tokenization_utils_base.py',
    limit: 8192,
  },
  {
    provider: 'an OpenAI-compatible proxy',
    text: "Input length (265330) exceeds model's maximum context length (262144).",
    source: 'github.com/earendil-works/pi/issues/5677',
    limit: 262_144,
  },
  {
    provider: 'xAI',
    text: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    source: pi,
    limit: 131_072,
  },
  {
    provider: 'Groq',
    text: 'Please reduce the length of the messages or completion.',
    source: pi,
  },
  {
    provider: 'OpenRouter',
    text: "This endpoint's maximum context length is 65536 tokens. However, you requested about 90000 tokens.",
    source: pi,
    limit: 65_536,
  },
  {
    provider: 'Poolside',
    text: 'Input length 131393 exceeds the maximum allowed input length of 131040 tokens.',
    source: 'github.com/earendil-works/pi/issues/4943',
    limit: 131_040,
  },
  {
    provider: 'Together, SGLang',
    text: "The input (400013 tokens) is longer than the model's context length (262144 tokens).",
    source: 'github.com/ranxianglei/billion-context/pull/493',
    limit: 262_144,
  },
  {
    provider: 'llama.cpp',
    text: '{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"exceed_context_size_error","n_prompt_tokens":14429,"n_ctx":8192}}',
    source: 'github.com/ggml-org/llama.cpp/pull/15780',
    limit: 8192,
  },
  {
    provider: 'llama-cpp-python',
    text: 'Requested tokens (2285) exceed context window of 2048',
    source: 'github.com/fedora-copr/logdetective/issues/100',
    limit: 2048,
  },
  {
    provider: 'LM Studio',
    text: 'The number of tokens to keep from the initial prompt is greater than the context length.',
    source: pi,
  },
  {
    provider: 'GitHub Copilot',
    text: 'prompt token count of 140000 exceeds the limit of 128000',
    source: pi,
    limit: 128_000,
  },
  { provider: 'MiniMax', text: 'invalid params, context window exceeds limit (2013)', source: pi },
  {
    provider: 'Kimi',
    text: 'Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)',
    source: pi,
    limit: 262_144,
  },
  {
    provider: 'Mistral',
    text: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    source: pi,
    limit: 32_768,
  },
  {
    provider: 'Ollama',
    text: 'prompt too long; exceeded max context length by 1200 tokens',
    source: pi,
  },
  { provider: 'Bedrock', text: 'Input is too long for requested model.', source: pi },
  { provider: 'Z.ai, by its finish reason', text: 'model_context_window_exceeded', source: pi },
  {
    provider: 'vLLM',
    text: "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt contains at least 262145 input tokens, for a total of at least 262145 tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=262145)",
    source: 'github.com/earendil-works/pi/pull/5929',
    limit: 262_144,
  },
  {
    provider: 'vLLM, older',
    text: "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the messages, 10000 in the completion). Please reduce the length of the messages or completion.",
    source: 'github.com/vllm-project/vllm/issues/20409',
    limit: 16_384,
  },
  {
    provider: 'ds4-server',
    text: 'Prompt has 256468 tokens, but the configured context size is 256000 tokens',
    source: 'github.com/earendil-works/pi/issues/6262',
    limit: 256_000,
  },
  {
    provider: 'Atlas',
    text: 'Prompt too long: 9152 tokens exceeds max_seq_len 8192 (leave room for output tokens)',
    source: 'github.com/0xBakeer/inference-atlas/pull/186',
    limit: 8192,
  },
  {
    provider: 'SiliconFlow',
    text: 'length of prompt_tokens (9000) must be less than max_seq_len (8192).',
    source: 'github.com/0xBakeer/inference-atlas/pull/186',
    limit: 8192,
  },
  {
    provider: 'Anthropic, prompt and answer',
    text: 'input length and `max_tokens` exceed context limit: 199900 + 20000 > 200000, decrease input length or `max_tokens` and try again',
    source: 'github.com/openclaw/openclaw/pull/20539',
    limit: 200_000,
  },
]

/** Refusals for another reason. */
const others: Wording[] = [
  {
    provider: 'Bedrock, when it is throttled',
    text: 'ThrottlingException: Too many tokens, please wait before trying again.',
    source: pi,
  },
  {
    provider: 'OpenAI, of a rate',
    text: 'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. Please reduce the length of the messages.',
    source: 'platform.openai.com/docs/guides/rate-limits',
  },
  {
    provider: 'vLLM, of a limit that is no number',
    text: "'max_tokens' must be at least 1",
    source: 'github.com/vllm-project/vllm',
  },
  {
    provider: 'vLLM, of an answer alone',
    text: "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 16384 tokens and your request has 200 input tokens (32000 > 16384 - 200).",
    source: 'github.com/stepfun-ai/Step-Audio-R1/issues/3',
  },
]

describe('a refusal of a prompt for its length', () => {
  test.each(overflows)('the words of $provider are an overflow', ({ text, limit }) => {
    expect(isOverflow(text, 400)).toBe(true)
    expect(overflowLimit(text)).toBe(limit)
  })

  test.each(others)('the words of $provider are no overflow', ({ text }) => {
    expect(isOverflow(text, 400)).toBe(false)
  })

  test('a 413 without words is an overflow', () => {
    expect(isOverflow('', 413)).toBe(true)
  })
})

interface Room {
  provider: string
  /** The refusal of a prompt of 200 tokens and an answer of `asked` tokens, in a window of 4096. */
  textOf: (asked: number) => string
}

const rooms: Room[] = [
  {
    provider: 'vLLM',
    textOf: (asked) =>
      `'max_tokens' or 'max_completion_tokens' is too large: ${asked}. This model's maximum context length is 4096 tokens and your request has 200 input tokens (${asked} > 4096 - 200).`,
  },
  {
    provider: 'vLLM that reads what fits',
    textOf: (asked) =>
      `This model's maximum context length is 4096 tokens. However, you requested ${asked} output tokens and your prompt contains at least ${4097 - asked} input tokens, for a total of at least 4097 tokens.`,
  },
  {
    provider: 'OpenAI',
    textOf: (asked) =>
      `This model's maximum context length is 4096 tokens. However, you requested ${200 + asked} tokens (200 in the messages, ${asked} in the completion). Please reduce the length of the messages or completion.`,
  },
  {
    provider: 'OpenRouter',
    textOf: (asked) =>
      `This endpoint's maximum context length is 4096 tokens. However, you requested about ${200 + asked} tokens (200 of text input, ${asked} in the output). Please reduce the length of either one.`,
  },
  {
    provider: 'TGI',
    textOf: (asked) =>
      `Input validation error: \`inputs\` tokens + \`max_new_tokens\` must be <= 4096. Given: 200 \`inputs\` tokens and ${asked} \`max_new_tokens\``,
  },
  {
    provider: 'Anthropic',
    textOf: (asked) =>
      `input length and \`max_tokens\` exceed context limit: 200 + ${asked} > 4096, decrease input length or \`max_tokens\` and try again`,
  },
]

describe('an answer that has no room beside its prompt', () => {
  test.each(rooms)('the answer of $provider is limited to the room left', async ({ textOf }) => {
    const isTooLong = (asked = 4000) => 200 + asked > 4096
    for (const agent of [{ maxOutputTokens: 4000 }, {}]) {
      const model = await refusingModel({
        agent,
        refusal: ({ max_tokens: asked }) => (isTooLong(asked) ? textOf(asked ?? 4000) : undefined),
      })
      expect((await model.ask()).text).toBe('Hello')
      expect(model.taken.at(-1)?.['max_tokens']).toBeGreaterThanOrEqual(256)
      // No summary was written, because the prompt was never too long.
      expect(model.refused).toHaveLength(1)
    }
  })

  test('a prompt that leaves hardly any room is too long', () => {
    expect(answerRoom(rooms[0]?.textOf(4000).replaceAll('200', '4000') ?? '')).toBeUndefined()
  })
})
