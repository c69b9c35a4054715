/** How an answer ended and what it cost, from the API's words to the AI SDK's. */
import type {
  JSONObject,
  LanguageModelV4FinishReason,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'

import { isRecord } from './json-record.ts'

/** A refusal ends with `stop` like any answer, but is one that a filter would have stopped. */
export function unifiedReason(
  raw: string,
  hasRefusal: boolean,
): LanguageModelV4FinishReason['unified'] {
  switch (raw) {
    case 'stop':
      return hasRefusal ? 'content-filter' : 'stop'
    case 'length':
      return 'length'
    case 'content_filter':
      return 'content-filter'
    case 'tool_calls':
    case 'function_call':
      return 'tool-calls'
    default:
      return 'other'
  }
}

/** Without a report from the provider every number is undefined; what a report leaves out is 0. */
export function usageOf(usage: JSONObject | undefined): LanguageModelV4Usage {
  if (usage === undefined) {
    return {
      inputTokens: {
        total: undefined,
        noCache: undefined,
        cacheRead: undefined,
        cacheWrite: undefined,
      },
      outputTokens: { total: undefined, text: undefined, reasoning: undefined },
    }
  }
  const input = count(usage, 'prompt_tokens')
  const said = count(usage, 'completion_tokens')
  const cacheRead = count(usage['prompt_tokens_details'], 'cached_tokens')
  const reasoning = count(usage['completion_tokens_details'], 'reasoning_tokens')
  // xAI counts reasoning beside the completion and not in it, which only the sum gives away.
  const isBeside = reasoning > 0 && count(usage, 'total_tokens') === input + said + reasoning
  const output = isBeside ? said + reasoning : said
  return {
    inputTokens: { total: input, noCache: input - cacheRead, cacheRead, cacheWrite: undefined },
    outputTokens: { total: output, text: Math.max(0, output - reasoning), reasoning },
    raw: usage,
  }
}

function count(record: unknown, key: string): number {
  const value = isRecord(record) ? record[key] : undefined
  return typeof value === 'number' ? value : 0
}

/** Tokens of a predicted output that were used or thrown away, where the provider reports them. */
export function predictionMetadata(usage: JSONObject | undefined): JSONObject {
  const details = usage?.['completion_tokens_details']
  if (!isRecord(details)) return {}
  const accepted = details['accepted_prediction_tokens']
  const rejected = details['rejected_prediction_tokens']
  return {
    ...(typeof accepted === 'number' ? { acceptedPredictionTokens: accepted } : {}),
    ...(typeof rejected === 'number' ? { rejectedPredictionTokens: rejected } : {}),
  }
}
