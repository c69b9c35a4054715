/** Converts the end and the usage of an answer from the API's form to the AI SDK's. */
import type {
  JSONObject,
  LanguageModelV4FinishReason,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'

import { finishMeaning } from '../finish-reason.ts'
import { isRecord } from './json-record.ts'

/** A refusal ends with `stop` like any answer, but is reported like an answer that a filter stopped. */
export function finishReasonIn(
  raw: string | undefined,
  hasRefusal: boolean,
): LanguageModelV4FinishReason {
  if (raw === undefined) return { unified: 'error', raw }
  const meaning = finishMeaning(raw)
  return { unified: meaning === 'stop' && hasRefusal ? 'content-filter' : meaning, raw }
}

/**
 * Without a usage report every number is undefined. In a report, a missing number is also undefined
 * unless the sum shows it: an answer with 0 tokens would be reported as free. Missing details are 0.
 */
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
  const sum = count(usage, 'total_tokens')
  const [prompt, completion] = [count(usage, 'prompt_tokens'), count(usage, 'completion_tokens')]
  const input = prompt ?? rest(sum, completion)
  const outputTotal = completion ?? rest(sum, prompt)
  const { prompt_tokens_details: ofPrompt, completion_tokens_details: ofCompletion } = usage
  // Moonshot and DeepSeek use their own names.
  const cacheRead =
    count(ofPrompt, 'cached_tokens') ??
    count(usage, 'cached_tokens') ??
    count(usage, 'prompt_cache_hit_tokens') ??
    0
  const cacheWrite = count(ofPrompt, 'cache_write_tokens')
  const reasoning = count(ofCompletion, 'reasoning_tokens') ?? 0
  // xAI counts reasoning beside the completion and not in it. Only the sum shows this.
  const isBeside =
    reasoning > 0 &&
    input !== undefined &&
    completion !== undefined &&
    sum === input + completion + reasoning
  const output = isBeside ? completion + reasoning : outputTotal
  return {
    inputTokens: {
      total: input,
      noCache: input === undefined ? undefined : input - cacheRead - (cacheWrite ?? 0),
      cacheRead,
      cacheWrite,
    },
    outputTokens: {
      total: output,
      text: output === undefined ? undefined : Math.max(0, output - reasoning),
      reasoning,
    },
    raw: usage,
  }
}

function count(record: unknown, key: string): number | undefined {
  const value = isRecord(record) ? record[key] : undefined
  // Some gateways send counts as texts.
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** The rest of a sum; undefined if one of the two is unknown. */
const rest = (sum: number | undefined, part: number | undefined) =>
  sum === undefined || part === undefined || sum < part ? undefined : sum - part

/** The tokens of a predicted output that were accepted and rejected, if the provider reports them. */
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
