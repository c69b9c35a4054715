/**
 * Whether a provider refused a prompt because of its length. No status or code is common to all
 * providers, so the words of the error decide. A rate limit also counts tokens, but is no overflow.
 */
const patterns = [
  /context[_ -]?length[_ -]?exceeded/i,
  /context[_ ]window[_ ]exceeded/i,
  /(?:maximum|max) (?:context|prompt|input|model) length/i,
  /(?:prompt|input|context|conversation|request|messages?)(?: tokens?)?,? (?:(?:is|was|are) )?too (?:long|large)/i,
  /(?:exceeds?|exceeded|exceeding|(?:larger|longer|greater) than|over) (?:the |this )?(?:model'?s? |available |maximum |supported |total )*(?:context|input token|token limit|prompt length)/i,
  /(?:context (?:window|length|size|limit)|token limit) (?:was |is |of \d+ )?(?:exceed|overflow|reached)/i,
  /input (?:length|tokens?|token count).{0,80}exceeds?/i,
  /too many (?:input )?tokens(?!.{0,40}(?:wait|minute|second))/i,
  /reduce the length of (?:the|your) (?:messages|prompt|input)/i,
  /model_max_prompt_tokens_exceeded|request_too_large/i,
  /`?inputs`? (?:tokens \+ `?max_new_tokens`? must be|must have less than \d+ tokens)/i,
  /n_ctx|exceeds? the available context size|exceed_context_size/i,
  // DashScope; Z.ai; Copilot; Volcengine; LM Studio; others.
  /range of input length should be/i,
  /prompt exceeds (?:the )?max(?:imum)? length/i,
  /(?:prompt|input|request) token count.{0,40} exceeds/i,
  /exceeds? (?:the )?max message tokens/i,
  /context the overflows|context length of only \d/i,
  /tokens? in (?:the |your )?(?:request|prompt|input|messages)\b.{0,40}(?:exceed|more than)/i,
  /(?:input|prompt|request) (?:is |are )?(?:longer|larger|greater) than the max/i,
  /max_input_tokens.{0,20}exceed/i,
  // ds4-server; Atlas, SiliconFlow and other servers that name the limit by their setting.
  /\btokens?,? (?:but|while|and) (?:the |this )?(?:configured |model'?s? |maximum )*context (?:size|length|window)/i,
  /(?:prompt|input|tokens?|length|sequence).{0,80}(?:max_seq_len|max_model_len|max_sequence_length|max_position_embeddings|max_context_len\w*|max_total_tokens)/i,
  // SGLang; Cohere; Bedrock; MiniMax; Moonshot; GitHub Models; Ollama; AI21.
  /(?:is|are) longer than the (?:model'?s? )?(?:context|maximum)/i,
  /tokens? in the prompt cannot exceed/i,
  /input is too long for requested model|expected maxLength/i,
  /context window exceeds? limit|exceeded model token limit|tokens_limit_reached/i,
  /(?:prompt|input|request) (?:body )?(?:is )?too (?:long|large) for/i,
  /(?:prompt|input|context) (?:size|length)?.{0,40}(?:exceeds?|exceeded|over) .{0,20}(?:context|n_ctx|max(?:imum)?)/i,
  /greater than the context length|context shift is disabled/i,
  // Poolside; llama-cpp-python; Cline's gateway; MiMo.
  /maximum allowed input length/i,
  /tokens? \(\d+\) exceeds? context window/i,
  /requested tokens? .{0,40}exceeds? .{0,20}context/i,
  // LiteLLM's name of the error, and names that gateways make; OpenAI, by characters; transformers.
  /context[_ ]?window[_ ]?exceeded|(?:context|prompt|input)_(?:is_)?too_long/i,
  /string too long\. Expected a string with maximum length \d{7,}/i,
  /sequence length.{0,20} is (?:longer|greater|larger) than/i,
  // Servers that name the number of tokens alone, or count the message and not the prompt.
  /(?:can only handle|supports only|only supports) \d{4,} tokens/i,
  /requested \d+ tokens, but (?:the |this )?model (?:only )?supports/i,
  /(?:token|content) length exceeds? (?:the )?(?:model|limit|max)/i,
  // Z.ai, Volcengine and Baidu in Chinese: too long; greater than the maximum length.
  /(?:输入|提示|上下文|prompt|token).{0,20}(?:过长|超长|超过|超出)/i,
]

/** About the length of the answer, for which only the settings can help. */
const ofOutput = /\b(?:output|completion) token limit/i

const rateLimit = /rate[ _-]?limit|per minute|quota|\bTP[MD]\b/i

/** @param status the HTTP status; undefined if it is not known */
export function isOverflow(text: string, status: number | undefined): boolean {
  if (status === 429 || rateLimit.test(text) || ofOutput.test(text)) return false
  if (answerRoom(text) !== undefined) return false
  return status === 413 || patterns.some((pattern) => pattern.test(text))
}

/**
 * vLLM: "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length
 * is 8192 tokens and your request has 200 input tokens (9000 > 8192 - 200)." OpenAI, older vLLM, Together:
 * "maximum context length is 4097 tokens. However, you requested 4203 tokens (3703 in the messages, 500
 * in the completion)". TGI: "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 700 `inputs`
 * tokens and 4000 `max_new_tokens`". OpenRouter: "maximum context length is 8192 tokens. However, you
 * requested about 9100 tokens (100 of text input, 9000 in the output)". Anthropic: "input length and
 * `max_tokens` exceed context limit: 190000 + 20000 > 200000".
 * From github.com/vllm-project/vllm/issues/20409, huggingface/text-generation-inference
 * router/src/validation.rs, github.com/openclaw/openclaw/pull/20539.
 */
const shared = [
  /(?:maximum|max) context length is (?<window>\d+) tokens and your (?:request|prompt) has (?:at least )?(?<input>\d+) input tokens/i,
  /(?:maximum|max) context length (?:is|of) (?<window>\d+) tokens[^(]{0,120}\((?<input>\d+) (?:in the messages|in your prompt|of text input|in the input|in the prompt)/i,
  /must be <= (?<window>\d+)\. Given: (?<input>\d+) `?inputs`? tokens/i,
  /exceed context limit: (?<input>\d+) \+ \d+ > (?<window>\d+)/i,
]

/**
 * vLLM reads only the part of a prompt that has room beside the answer, so it reports only "you requested
 * 8000 output tokens and your prompt contains at least 193 input tokens" (github.com/earendil-works/pi/pull/5929).
 */
const unread =
  /context length is (?<limit>\d+) tokens\. However, you requested (?<requested>\d+) output tokens and your prompt contains at least/i

/** Tokens. With less room for an answer, the prompt itself is too long. */
const answerMin = 256

/**
 * The tokens that are left for an answer, if a refusal reports that prompt and answer together do not
 * fit the window, but the prompt alone does. Undefined for any other refusal.
 */
export function answerRoom(text: string): number | undefined {
  const { limit, requested } = unread.exec(text)?.groups ?? {}
  // A shorter answer shows whether the answer or the prompt did not fit.
  const share = Math.floor(Number(limit) / 8)
  if (Number(requested) > share && share >= answerMin) return share
  for (const pattern of shared) {
    const { window, input } = pattern.exec(text)?.groups ?? {}
    const room = Number(window) - Number(input)
    if (room >= answerMin) return room
  }
  return undefined
}

const limitPatterns = [
  /(?:configured context size is|max_seq_len|max_model_len|max_sequence_length)\D{0,4}(\d[\d,]*)/i,
  /(?:maximum|max) (?:context|prompt|input|model) length(?: is| of|:)+ (\d[\d,]*)/i,
  /range of input length should be \[\d+, ?(\d+)\]/i,
  /must have less than (\d+) tokens/i,
  /context length of only (\d+)/i,
  /token count.{0,40} exceeds the limit of (\d[\d,]*)/i,
  /context length \((\d[\d,]*)/i,
  /"n_ctx"\s*:\s*(\d+)/,
  /with (\d[\d,]*) maximum context length/i,
  / > (\d[\d,]*)/,
  /maximum (?:number of tokens|allowed|of)[^\d]{0,30}(\d[\d,]*)/i,
  /(?:context|token) (?:window|length|size|limit)(?: is| of|:)* (\d[\d,]*)/i,
]

/** The window in tokens, if a refusal states it. */
export function overflowLimit(text: string): number | undefined {
  for (const pattern of limitPatterns) {
    const limit = Number(pattern.exec(text)?.[1]?.replaceAll(',', ''))
    // A smaller number is not a window: every model's is larger.
    if (limit >= 1000) return limit
  }
  return undefined
}
