/**
 * The meaning of a provider's finish reason. Each API has its own words, and gateways pass on those of
 * the API behind them, in upper or lower case. Sources: the API references of OpenAI, Azure, Anthropic,
 * Gemini (`FinishReason`), Mistral, DeepSeek, Zhipu, Cohere, vLLM, Ollama, TGI, Together and watsonx.
 */
import type { LanguageModelV4FinishReason } from '@ai-sdk/provider'

type Meaning = LanguageModelV4FinishReason['unified']

const words: Record<Exclude<Meaning, 'other' | 'interrupted'>, string> = {
  stop: 'stop end_turn stop_sequence stop_token eos eos_token end_of_turn complete completed finish finished done normal end',
  length:
    'length max_tokens max_output_tokens max_completion_tokens max_new_tokens max_length model_length limit token_limit error_limit time_limit model_context_window_exceeded context_length_exceeded context_window_exceeded',
  'content-filter':
    'content_filter content_filtered sensitive safety image_safety recitation language blocklist prohibited_content image_prohibited_content spii refusal guardrail_intervened error_toxic moderation flagged blocked data_inspection_failed content_policy_violation',
  'tool-calls': 'tool_calls tool_call tool_use function_call function_calls',
  error:
    'error network_error server_error internal_error internal_server_error service_unavailable abort aborted cancel cancelled canceled user_cancel insufficient_system_resource overloaded engine_overloaded failed failure timeout interrupted exception malformed_function_call malformed_tool_call malformed_response unexpected_tool_call missing_thought_signature too_many_tool_calls',
}

const meanings = new Map<string, Meaning>()
for (const meaning of ['stop', 'length', 'content-filter', 'tool-calls', 'error'] as const) {
  for (const word of words[meaning].split(' ')) meanings.set(word, meaning)
}

/**
 * For words that are not in the list. The first matching pattern counts. A rate limit is a failure and a
 * length limit is not, so the patterns of rates come before those of lengths.
 */
const patterns: readonly (readonly [RegExp, Meaning])[] = [
  [
    /(?:^|_)(?:filter(?:ed)?|safety|unsafe|moderat(?:ed|ion)|sensitive|policy|guardrails?|blocked|prohibited|recitation|censor(?:ed|ship)?|violation|violence|inappropriate|harmful|toxic(?:ity)?|copyright|illegal|risk|armor)(?:_|$)/,
    'content-filter',
  ],
  [
    /(?:^|_)(?:rate_?limit(?:ed)?|quota|throttl(?:ed|ing)|resource_exhausted|deadline_exceeded|out_of_memory|oom)(?:_|$)/,
    'error',
  ],
  [
    /(?:^|_)(?:tokens?|length|context|window|output|max)_.*(?:tokens?|length|limit|window|exceeded|reached|overflow|full)$|(?:^|_)(?:exceed(?:ed|s)|over|out_of)_.*(?:tokens?|length|context|window)|(?:^|_)(?:length|context|window)$|(?:^|_)truncat(?:ed|ion)(?:_|$)/,
    'length',
  ],
  [
    /(?:^|_)(?:errors?|fail(?:ed|ure)?|abort(?:ed)?|cancel(?:l?ed)?|interrupt(?:ed)?|timeout|timed_out|exception|unavailable|busy|overload(?:ed)?|crash(?:ed)?|preempted|evicted|disconnect(?:ed)?|connection_\w+)(?:_|$)/,
    'error',
  ],
  [/^(?:tool|function)s?_(?:use|calls?|called|calling|requests?)(?:_|$)/, 'tool-calls'],
  [/^(?:eos|eot|end_of|end_turn|stop)_/, 'stop'],
]

/** Returns `other` for an unknown word. */
export function finishMeaning(raw: string): Meaning {
  // Gemini's compatible API writes "function_call_filter: MALFORMED_FUNCTION_CALL".
  const detail = raw.slice(raw.lastIndexOf(':') + 1)
  const word = detail
    .trim()
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
  const known = meanings.get(word)
  return known ?? patterns.find(([pattern]) => pattern.test(word))?.[1] ?? 'other'
}

/**
 * Returns the finish reason in a field, or undefined if it holds none: servers send `""`, `"null"`,
 * `false`, 0 or Gemini's `FINISH_REASON_UNSPECIFIED` instead of null in each chunk. From an object or a
 * list it takes the word inside; `true` and a number above 0 are the reason `other`.
 */
export function finishReasonIn(value: unknown): string | undefined {
  if (typeof value === 'number' || value === true) {
    return value === true || value > 0 ? 'other' : undefined
  }
  if (typeof value === 'object' && value !== null) {
    const inner: unknown[] = Object.values(value)
    return inner
      .map((item) => (typeof item === 'string' ? finishReasonIn(item) : undefined))
      .find(Boolean)
  }
  if (typeof value !== 'string') return undefined
  const word = value.trim()
  return word === '' || /^(?:null|none|undefined|finish_reason_unspecified)$/i.test(word)
    ? undefined
    : word
}

/** Whether an answer with such an end may be incomplete, so that a call without arguments is no call. */
export function isCutOff(meaning: Meaning | undefined): boolean {
  return (
    meaning === undefined ||
    meaning === 'length' ||
    meaning === 'content-filter' ||
    meaning === 'error'
  )
}
