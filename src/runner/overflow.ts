/**
 * Whether a provider refused a prompt for its length. There is no status or code for it that all
 * share, so it is told by the words; and a rate limit, which also counts tokens, is none.
 */
const patterns = [
  /context[_ -]?length[_ -]?exceeded/i,
  /context[_ ]window[_ ]exceeded/i,
  /maximum (?:context|prompt|input) length/i,
  /(?:prompt|input|context|conversation|request) (?:is|was) too (?:long|large)/i,
  /(?:exceeds?|exceeded|exceeding|(?:larger|longer|greater) than|over) (?:the |this )?(?:model'?s? |available |maximum |supported |total )*(?:context|input token|token limit|prompt length)/i,
  /(?:context (?:window|length|size|limit)|token limit) (?:was |is |of \d+ )?(?:exceed|overflow|reached)/i,
  /input (?:length|tokens?|token count).{0,80}exceeds?/i,
  /too many (?:input )?tokens(?!.{0,40}(?:wait|minute|second))/i,
  /reduce the length of (?:the|your) (?:messages|prompt|input)/i,
  /model_max_prompt_tokens_exceeded|request_too_large/i,
  /`?inputs`? tokens \+ `?max_new_tokens`? must be/i,
  /n_ctx|exceeds? the available context size/i,
]

const rateLimit = /rate[ _-]?limit|per minute|quota|\bTP[MD]\b/i

/** @param status of HTTP; undefined where it is not known */
export function isOverflow(text: string, status: number | undefined): boolean {
  if (status === 429 || rateLimit.test(text)) return false
  return status === 413 || patterns.some((pattern) => pattern.test(text))
}

const told = [
  /maximum (?:context|prompt|input) length(?: is| of|:)+ (\d[\d,]*)/i,
  / > (\d[\d,]*)/,
  /maximum (?:number of tokens|allowed|of)[^\d]{0,30}(\d[\d,]*)/i,
  /(?:context|token) (?:window|length|size|limit)(?: is| of|:)* (\d[\d,]*)/i,
]

/** The window in tokens, where a refusal tells it. */
export function overflowLimit(text: string): number | undefined {
  for (const pattern of told) {
    const limit = Number(pattern.exec(text)?.[1]?.replaceAll(',', ''))
    // Less than any model's is some other number.
    if (limit >= 1000) return limit
  }
  return undefined
}
