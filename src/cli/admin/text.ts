/** The answers of the routes of admins as text. Texts of the server lose their control characters. */
import { fieldsOf } from '../../ground/fields.ts'
import { plainLine } from '../render/plain.ts'
import { when } from '../session-table.ts'

/** One line for each session: the last use, the state, the tenant if it is one of several, the owner, the id and the title. */
export function sessionRows(sessions: readonly unknown[]): string {
  if (sessions.length === 0) return 'There are no sessions.\n'
  const rows = sessions.map((session) => {
    const { id, title, agent, state, tenant, subject, updatedAt } = fieldsOf(session)
    const owner = tenant === undefined ? [word(subject)] : [word(tenant), word(subject)]
    return [timeOf(updatedAt), word(state), ...owner, word(id), text(title ?? agent)]
  })
  return table(rows)
}

/**
 * One line for each field of a session, and of its inner state without what the session has already. A field with several
 * values has its JSON.
 */
export function inspectionText(
  session: Readonly<Record<string, unknown>>,
  { session: _, subject: __, tasks: ___, ...inner }: Readonly<Record<string, unknown>>,
): string {
  const fields = Object.entries({ ...session, ...inner })
  return table(fields.map(([name, value]) => [name, shown(name, value)]))
}

/** One line for each event: its time, the act, who did it, and what it is about. */
export function auditRows(events: readonly unknown[]): string {
  if (events.length === 0) return 'There are no events.\n'
  const rows = events.map((event) => {
    const { at, action, by, sessionId, subject, subjectDigest, instance } = fieldsOf(event)
    const { subject: user, operator, session } = fieldsOf(by)
    const holder = session === undefined ? word(user) : word(user ?? `token of ${text(session)}`)
    const who = typeof operator === 'string' ? `operator ${text(operator)}` : holder
    const about = [sessionId, subject, instance, subjectDigest].map(text).filter(Boolean)
    return [timeOf(at), word(action), who, about.join(' ') || '-']
  })
  return table(rows)
}

/** One line for each instance: its start, version, state, turns, readers and id. */
export function instanceRows(instances: readonly unknown[]): string {
  if (instances.length === 0) return 'No instance has reported.\n'
  const rows = instances.map((instance) => {
    const { id, version, alive, since, turns, readers, draining } = fieldsOf(instance)
    const state = alive !== true ? 'silent' : draining === true ? 'draining' : 'ready'
    const counts = [`${number(turns)} turns`, `${number(readers)} readers`]
    return [timeOf(since), word(version), state, ...counts, word(id)]
  })
  return table(rows)
}

export function certificateText(certificate: unknown, what: string): string {
  const { sessions, tasks, messages, keys, memberships, counters, complete, endedAt } =
    fieldsOf(certificate)
  const counts = `${number(sessions)} sessions, ${number(tasks)} tasks, ${number(messages)} messages and ${number(keys)} keys`
  const others = number(memberships) === '0' ? '' : `, and ${number(memberships)} memberships`
  const limits = Object.values(fieldsOf(counters)).reduce<number>(
    (sum, count) => sum + (typeof count === 'number' ? count : 0),
    0,
  )
  const counted = limits === 0 ? '' : `, and ${limits} counters of limits`
  const end = complete === true ? 'Nothing is left.' : 'Something is left: erase again.'
  return `Erased ${plainLine(what)} at ${text(endedAt)}: ${counts}${others}${counted}. ${end}\n`
}

/** Columns with two spaces between them. The last one has no padding. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  const lines = rows.map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '),
  )
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

export const timeOf = (value: unknown): string =>
  typeof value === 'number' ? when(value) : '-'.padEnd(16)

const number = (value: unknown): string => String(typeof value === 'number' ? value : 0)

export const text = (value: unknown): string => (typeof value === 'string' ? plainLine(value) : '')

/** A cell that is never empty, so that a program can split the line. */
export const word = (value: unknown): string => text(value) || '-'

function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('At')) return when(value)
  return plainLine(typeof value === 'string' ? value : JSON.stringify(value))
}
