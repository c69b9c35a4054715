/** The time of a schedule: as a caller writes it, and the times of its occurrences. */
import { LoomError } from '../ground/error.ts'
import { late } from '../ground/late.ts'
import type { Occurrence, Schedule, ScheduleRule } from '../store/schedule.ts'

/** The names of the fields of a time. */
export const timeFields = ['at', 'after', 'every', 'cron', 'timeZone'] as const

const everyMinMs = 1000
/** The greatest delay and interval. */
const delayMaxMs = 3660 * 24 * 60 * 60 * 1000
/** The number of missed occurrences that are counted. */
const missedMax = 1000

const croner = late(() => import('croner'))

/**
 * Reads a time.
 * @param now the time of the store, in milliseconds
 * @throws LoomError `invalid-request`
 */
export async function readTime(
  fields: Readonly<Record<string, unknown>>,
  now: number,
): Promise<{ rule: ScheduleRule; dueAt: number }> {
  const kinds = (['at', 'after', 'every', 'cron'] as const).filter(
    (name) => fields[name] !== undefined,
  )
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    throw invalid('A schedule has exactly one of at, after, every and cron.')
  }
  if (fields['timeZone'] !== undefined && kind !== 'cron') {
    throw invalid('timeZone belongs to cron. Write the offset of a single time into at.')
  }
  const value = fields[kind]
  if (kind === 'at') return { rule: { kind: 'once' }, dueAt: timeOf(value, now) }
  if (kind === 'cron') {
    const rule = await readCron(value, fields['timeZone'] ?? 'UTC')
    const dueAt = await nextCron(rule, now)
    if (dueAt === undefined)
      throw invalid(
        'This cron expression has no occurrence: no date has its day and month. Correct them.',
      )
    return { rule, dueAt }
  }
  const least = kind === 'every' ? everyMinMs : 0
  if (typeof value !== 'number' || !(value >= least && value <= delayMaxMs)) {
    throw invalid(`${kind} is a number of milliseconds from ${least} to ${delayMaxMs}.`)
  }
  const rule: ScheduleRule =
    kind === 'every' ? { kind: 'every', everyMs: Math.round(value) } : { kind: 'once' }
  return { rule, dueAt: now + Math.round(value) }
}

function timeOf(value: unknown, now: number): number {
  const time =
    value instanceof Date ? value.getTime() : typeof value === 'string' ? isoTime(value) : value
  if (typeof time === 'number' && Number.isFinite(time) && time - now <= delayMaxMs) {
    return Math.max(Math.round(time), 0)
  }
  throw invalid(
    'at is a time of the next ten years: a text of ISO 8601 with a time zone, such as "2027-01-31T09:00:00Z", or milliseconds since 1970.',
  )
}

/** A text without a time zone has another meaning on each server. */
function isoTime(text: string): number {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$/i.exec(text) ?? []
  return day !== undefined && isDay(day) ? Date.parse(text) : Number.NaN
}

/** `Date.parse` reads February 30 as March 2. */
function isDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}

type CronRule = Extract<ScheduleRule, { kind: 'cron' }>

async function readCron(cron: unknown, timeZone: unknown): Promise<CronRule> {
  if (typeof timeZone !== 'string' || !isTimeZone(timeZone)) {
    throw invalid(
      'timeZone is the name of a time zone, such as "Europe/Berlin". The default is "UTC".',
    )
  }
  const fields = typeof cron === 'string' ? cron.trim().split(/\s+/) : []
  if (fields.length !== 5) {
    throw invalid(
      'cron has five fields: minute, hour, day of the month, month, day of the week. For example "0 9 * * 1" is each Monday at 9:00.',
    )
  }
  const rule: CronRule = { kind: 'cron', cron: fields.join(' '), timeZone }
  try {
    await cronOf(rule)
  } catch (cause) {
    throw invalid(`cron cannot be read: ${cronFault(cause)}`, cause)
  }
  return rule
}

/** The library gives the values of a range as numbers, which the sender may have written as names. */
function cronFault(cause: unknown): string {
  const text = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : ''
  const [, from, to] = /^From value is larger than to value: '(.*)-(.*)'/.exec(text) ?? []
  if (from === undefined) return text
  return `a range ends before it begins: from ${from} to ${to}. Write two ranges with a comma between them, such as FRI-SAT,SUN-MON or 22-23,0-5.`
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Lists and ranges of times are not intervals: each of their times is due once a day, over changes of the clocks too. */
async function cronOf({ cron, timeZone }: CronRule) {
  const { Cron } = await croner()
  return new Cron(cron, { timezone: timeZone, mode: '5-part', fixedTimeRule: 'no-wildcard' })
}

async function nextCron(rule: CronRule, after: number): Promise<number | undefined> {
  return (await cronOf(rule)).nextRun(new Date(after))?.getTime()
}

/** The occurrence after a due one, and the number of occurrences between them that were missed. */
export interface Next {
  /** Undefined after the last occurrence. */
  next: Occurrence | undefined
  /** At most 1000. */
  missed: number
}

/**
 * Returns the occurrence after a due one. Occurrences that were missed meanwhile are left out: the due one
 * stands for them.
 * @param now the time of the store, in milliseconds
 */
export async function nextOf(
  { rule, occurrence, dueAt }: Pick<Schedule, 'rule' | 'occurrence' | 'dueAt'>,
  now: number,
): Promise<Next> {
  if (rule.kind === 'once') return { next: undefined, missed: 0 }
  if (rule.kind === 'every') {
    const missed = Math.max(Math.floor((now - dueAt) / rule.everyMs), 0)
    const next = { occurrence: occurrence + 1, dueAt: dueAt + (missed + 1) * rule.everyMs }
    return { next, missed: Math.min(missed, missedMax) }
  }
  const cron = await cronOf(rule)
  let missed = 0
  let at = cron.nextRun(new Date(dueAt))
  while (at !== null && at.getTime() <= now && missed < missedMax) {
    missed += 1
    at = cron.nextRun(at)
  }
  if (at !== null && at.getTime() <= now) at = cron.nextRun(new Date(now))
  const next = at === null ? undefined : { occurrence: occurrence + 1, dueAt: at.getTime() }
  return { next, missed }
}

const invalid = (text: string, cause?: unknown) => new LoomError('invalid-request', text, { cause })
