/** How long a provider asks to wait before the next request. */

/**
 * The wait that the headers of a response ask for, in milliseconds: `retry-after-ms` (Azure:
 * `x-ms-retry-after-ms`), or `retry-after` in seconds or as a date (RFC 9110 section 10.2.3).
 */
export function retryAfter(
  headers: Readonly<Record<string, string>>,
  now: number = Date.now(),
): number | undefined {
  const fields = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const milliseconds = Number.parseFloat(fields.get(name) ?? '')
    if (milliseconds >= 0) return milliseconds
  }
  const value = fields.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  // If a proxy adds the header again, the values arrive joined: `20, 20`.
  const counts = value.split(',').map((count) => (count.trim() === '' ? Number.NaN : Number(count)))
  if (!counts.some(Number.isNaN)) {
    const seconds = Math.max(...counts)
    return seconds >= 0 ? untilTime(seconds * 1000, now) : undefined
  }
  // Some servers write the unit: `20s`.
  if (isDuration.test(value)) return durationOf(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** Some servers write a point in time (Unix seconds or milliseconds) instead of a wait. */
function untilTime(ms: number, now: number): number {
  // A wait is always shorter than ten years, and a point in time is always later than 1980.
  if (ms < tenYearsMs) return ms
  return Math.max(0, (ms > 1000 * tenYearsMs ? ms / 1000 : ms) - now)
}

const tenYearsMs = 315_360_000_000

const duration = String.raw`(?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|days?|d)\b[\s,]*(?:and\s+)?|\d+(?:\.\d+)?(?:ms|h|m|s|d))+`

const isDuration = new RegExp(`^(?:${duration})$`, 'i')

/**
 * Google: `"retryDelay": "34.07s"` (google.rpc.RetryInfo). OpenAI, Groq: "Please try again in 1m26.4s".
 * Azure: "Please retry after 20 seconds". Others: "wait 30 seconds", `"retry_after": 12`.
 */
const phrases = [
  new RegExp(`"?retry_?delay"?\\s*[:=]\\s*"?(${duration})`, 'i'),
  new RegExp(
    `(?:try|retry|again|wait|available|resets?)[^.\\n]{0,40}?\\b(?:in|after|for|wait):?\\s+(?:about |at least )?(${duration})`,
    'i',
  ),
  new RegExp(`\\bwait (?:about |at least )?(${duration})`, 'i'),
]
/** Fields of JSON with a number, and `Retry-After: 10` in a text. The unit is seconds, except with `ms`. */
const fields = [
  /"retry[_-]?after([_-]?ms|[_-]?seconds)?"\s*:\s*"?(\d+(?:\.\d+)?)/i,
  /"resets?_(?:in|after)(_ms|_seconds)?"\s*:\s*"?(\d+(?:\.\d+)?)"?\s*[,}]/i,
  /\bretry[- ]after( )?:?\s*(\d+(?:\.\d+)?)(?![\d.]|\s*[a-z])/i,
  // OpenRouter puts the rate limit headers into the body. The value is Unix time in milliseconds.
  /"x-ratelimit-reset()"\s*:\s*"?(\d{10,13})\b/i,
  /"resets_at()"\s*:\s*"?(\d{10,13})\b/i,
]

/** The wait that the text of an error asks for, in milliseconds. The longest counts. */
export function waitIn(text: string, now: number = Date.now()): number | undefined {
  const start = text.slice(0, 65_536)
  const waits = phrases.flatMap((pattern) => durationOf(pattern.exec(start)?.[1] ?? '') ?? [])
  for (const field of fields) {
    const [, unit = '', count] = field.exec(start) ?? []
    if (count !== undefined)
      waits.push(untilTime(Number(count) * (/ms$/i.test(unit) ? 1 : 1000), now))
  }
  return waits.length === 0 ? undefined : Math.ceil(Math.max(...waits))
}

/** Milliseconds of `1h2m3.5s`, `350ms`, `5 minutes and 3 seconds`. */
function durationOf(text: string): number | undefined {
  let total: number | undefined
  for (const [, count, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|milli|h|m|s|d)/gi)) {
    total = (total ?? 0) + Number(count) * (unitMs.get(unit.toLowerCase()) ?? 0)
  }
  return total
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['milli', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])
